"""Manage the concrete indices of an alias. Consumers write to all kept indices; the alias names the searched one."""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.index.client import AlreadyExists, Client, errors_translated
from readmodel.projection import Projection

logger = logging.getLogger(__name__)

VERSION = "projection"
"""The key, in an index's `_meta`, of the version of the projection that made the index."""
# The refresh interval is the default, but unless it is set, an index that is not searched for 30 s stops refreshing.
# Elasticsearch forgets a deleted document's version at once, so a document deleted by hand can be written again.
SETTINGS: Mapping[str, Any] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    "refresh_interval": "1s",
    "gc_deletes": "0s",
}
FILLING = {"refresh_interval": "-1"}
"""The settings of a new index while it is filled."""


class Target(msgspec.Struct, frozen=True):
    """A concrete index: its name, and its UUID, which a later index of the same name does not have."""

    name: str
    uuid: str
    version: str = ""
    """The version of the projection that made the index."""
    is_new: bool = False
    """True: the index is being filled, and was never searched."""


class Indices:
    """Creates, finds, chooses and deletes the indices of a projection.

    Every method raises RetryLater if Elasticsearch can't answer now.
    """

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client = client
        self.projection = projection
        self.alias = projection.alias
        self._settings = {**SETTINGS, **projection.settings}
        # A hidden document lacks the id field, so the alias leaves it out of searches.
        self._shown = {"exists": {"field": projection.id_field}}
        self._reported: set[Target] = set()
        self._numbered = re.compile(re.escape(self.alias) + r"-\d{6}")

    def ensure(self) -> Target:
        """Return the index behind the alias; create it if there is none. Any number of processes may do so at once."""
        try:
            with errors_translated():
                self._client.indices.put_index_template(name=self.alias, **self._template())
                searched = self.searched() or self._create_first()
                self._complete(searched)
                return searched
        except (TargetLost, Unprocessable) as error:
            # Somebody is changing indices by hand, or has to: the next attempt succeeds, or logs the error again.
            raise RetryLater(str(error)) from error

    def searched(self) -> Target | None:
        """Return the index behind the alias."""
        found = self._get()
        searched = [name for name, description in found.items() if self.alias in description["aliases"]]
        if self.alias in found or len(searched) > 1:
            names = ", ".join(sorted(searched) or [self.alias])
            raise RetryLater(
                f"{self.alias!r} must be the alias of one index, but is the name or alias of {names}: "
                "delete or rename the others"
            )
        return _target(searched[0], found[searched[0]]) if searched else None

    def kept(self) -> list[Target]:
        """Return the index behind the alias, if there is one, and then the other kept ones, oldest first."""
        searched = self.searched()
        numbered = [_target(*item) for item in sorted(self._get().items()) if self._numbered.fullmatch(item[0])]
        others = [target for target in numbered if target != searched]
        return [searched, *others] if searched else others

    def exists(self, uuid: str) -> bool:
        """Tell whether there is an index with this UUID, under any name."""
        with errors_translated():
            found = self._client.indices.get(index="*", features="settings", filter_path="*.settings.index.uuid")
            return uuid in {description["settings"]["index"]["uuid"] for description in found.values()}

    def examine(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the index behind the alias, and how to fix it."""
        searched = self.searched()
        if searched is None:
            yield (
                f"there is no index behind {self.alias!r}",
                "run manage.py consume_events readmodel: it creates and fills the index",
            )
        elif searched.version != self.projection.version:
            yield f"{searched.name} was made by another version of the projection {self._name}", self._remedy

    def create_next(self) -> Target:
        """Create an index with the next unused number and without an alias."""
        with errors_translated():
            self._client.indices.put_index_template(name=self.alias, **self._template())
            numbers = [int(target.name.rpartition("-")[2]) for target in self.kept() if self._is_numbered(target)]
            name = f"{self.alias}-{max(numbers, default=0) + 1:06}"
            self._client.indices.create(index=name, settings=FILLING)
            return _target(name, self._get()[name])

    def choose(self, target: Target) -> None:
        """Move the alias to this index in one step; raise TargetLost if the index is gone."""
        searched = self.searched()
        actions: list[Mapping[str, Any]] = [{"add": {"index": target.name, "alias": self.alias, "filter": self._shown}}]
        if searched:
            actions.append({"remove": {"index": searched.name, "alias": self.alias, "must_exist": True}})
        with errors_translated():
            self.use_everyday_settings(target)
            self._client.indices.update_aliases(actions=actions)

    def hold_refresh(self, target: Target) -> None:
        """Let searches of the index see no new documents for half a minute."""
        with errors_translated():
            self._client.indices.put_settings(index=target.name, settings={"index.refresh_interval": "30s"})

    def use_everyday_settings(self, target: Target) -> None:
        """Set the usual refresh interval, after filling or hold_refresh(), and refresh."""
        with errors_translated():
            everyday = self._settings["refresh_interval"]
            self._client.indices.put_settings(index=target.name, settings={"index.refresh_interval": everyday})
            self._client.indices.refresh(index=target.name)

    def delete(self, target: Target) -> None:
        """Delete an index, unless another index has its name now."""
        with errors_translated():
            if target.uuid in {kept.uuid for kept in self.kept()}:
                self._client.options(ignore_status=404).indices.delete(index=target.name)

    def replace(self) -> None:
        """Put an empty index behind the alias, and delete all others.

        The new index has a new name, so that a late write to an old index does not reach it.
        """
        kept = self.kept()
        if kept:
            self.choose(self.create_next())
        for target in kept:
            self.delete(target)

    @property
    def _name(self) -> str:
        return self.projection.name

    @property
    def _remedy(self) -> str:
        return f"run manage.py rebuild_readmodel {self._name}"

    def _is_numbered(self, target: Target) -> bool:
        return bool(self._numbered.fullmatch(target.name))

    def _get(self) -> dict[str, Any]:
        """Return the descriptions of all indices that have the alias or one of its numbered names."""
        with errors_translated():
            names, features = [self.alias, f"{self.alias}-*"], ["aliases", "settings", "mappings"]
            return dict(self._client.indices.get(index=names, features=features, ignore_unavailable=True).body)

    def _create_first(self) -> Target:
        name = f"{self.alias}-000001"
        try:
            with errors_translated():
                self._client.indices.create(index=name, aliases={self.alias: {"filter": self._shown}})
        except AlreadyExists:
            # Another process was faster, and set the alias already, or the index has lost its alias.
            self._client.indices.put_alias(index=name, name=self.alias, filter=self._shown)
        created = self.searched()
        if created is None:
            raise TargetLost(f"{name} was deleted as soon as it was created")
        return created

    def _complete(self, target: Target) -> None:
        """Add the fields and the alias's filter that the index lacks; the other fields stay as they are."""
        if target.version != self.projection.version and target not in self._reported:
            self._reported.add(target)
            logger.warning(
                "%s was made by another version of the projection %s; %s", target.name, self._name, self._remedy
            )
        description = self._get()[target.name]
        known = description["mappings"].get("properties", {})
        if fields := {name: field for name, field in self.projection.mapping.items() if name not in known}:
            self._add(target, fields)
        alias = {"index": target.name, "alias": self.alias}
        if description["aliases"].get(self.alias, {}).get("filter") != self._shown:
            # Elasticsearch refuses this if the alias has moved meanwhile: it must not name two indices.
            removal = {"remove": {**alias, "must_exist": True}}
            self._client.indices.update_aliases(actions=[removal, {"add": {**alias, "filter": self._shown}}])

    def _add(self, target: Target, fields: Mapping[str, Any]) -> None:
        try:
            with errors_translated():
                self._client.indices.put_mapping(index=target.name, properties=fields)
        except Unprocessable:
            # The index lacks an analyzer that they need: until it is rebuilt, the fields are stored, but not searched.
            kept = {name: {"type": "object", "enabled": False} for name in fields}
            self._client.indices.put_mapping(index=target.name, properties=kept)

    def _template(self) -> Mapping[str, Any]:
        """Return the template of the alias's indices. It forbids writes to create an index."""
        mappings = {**self.projection.mappings, "_meta": {VERSION: self.projection.version}}
        return {
            "index_patterns": [self.alias, f"{self.alias}-*"],
            "template": {"mappings": mappings, "settings": {"index": self._settings}},
            "allow_auto_create": False,
            "priority": 500,
        }


def _target(name: str, description: Mapping[str, Any]) -> Target:
    version = description["mappings"].get("_meta", {}).get(VERSION, "")
    index = description["settings"]["index"]
    return Target(name, index["uuid"], version, index.get("refresh_interval") == FILLING["refresh_interval"])
