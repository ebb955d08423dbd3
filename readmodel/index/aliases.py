"""Manage the concrete indices of an alias. Consumers write to all kept indices; the alias names the searched one."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from events.exceptions import RetryLater, TargetLost, Unprocessable
from readmodel.index import cluster
from readmodel.index.client import AlreadyExists, Client, errors_translated
from readmodel.index.notes import FILLING, NO_REFRESH, REJECTED, VERSION, IndexState, Target
from readmodel.index.template import IndexTemplate
from readmodel.index.upkeep import Upkeep
from readmodel.projection import Projection

logger = logging.getLogger(__name__)


class Indices:
    """Creates, finds, chooses and deletes the indices of a projection.

    Every method raises RetryLater if Elasticsearch can't answer now.
    """

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client = client
        self.projection = projection
        self.alias = projection.alias
        self._template = IndexTemplate(client, projection)
        self._upkeep = Upkeep(client, self._template.settings)
        # A hidden document lacks the id field, so the alias leaves it out of searches.
        self._shown = {"exists": {"field": projection.id_field}}
        self._reported: set[Target] = set()
        self._numbered = re.compile(re.escape(self.alias) + r"-\d{6}")

    def ensure(self) -> Target:
        """Return the index behind the alias; create it if there is none. Any number of processes may do so at once."""
        try:
            with errors_translated():
                self._template.put()
                searched = self.searched() or self._create_first()
                self._report_version(searched)
                self._complete_alias(searched)
                states = self._kept()
                self._upkeep.add_fields(states, self.projection.mapping)
                self._upkeep.apply_replicas(states)
                self._upkeep.undo_leftovers(states)
                return searched
        except (TargetLost, Unprocessable) as error:
            # Somebody is changing indices by hand, or has to: the next attempt succeeds, or logs the error again.
            raise RetryLater(str(error)) from error

    def searched(self) -> Target | None:
        """Return the index behind the alias."""
        return self._searched_of(self._get())

    def kept(self) -> list[Target]:
        """Return the index behind the alias, if there is one, and then the other kept ones, oldest first."""
        return [state.target for state in self._kept()]

    def undo_leftovers(self) -> list[Target]:
        """Undo what interrupted rebuilds left; return the kept indices as `kept` does."""
        states = self._kept()
        self._upkeep.undo_leftovers(states)
        return [state.target for state in states]

    def exists(self, uuid: str) -> bool:
        """Tell whether there is an index with this UUID, under any name.

        That there is none is believed only of a node that has a master: the others may have made it without this node.
        """
        with errors_translated():
            found = self._client.cluster.state(
                metric=["master_node", "metadata"],
                filter_path=["master_node", "metadata.indices.*.settings.index.uuid"],
            ).body
            indices = found.get("metadata", {}).get("indices", {})
            is_found = uuid in {description["settings"]["index"]["uuid"] for description in indices.values()}
            if not (is_found or found.get("master_node")):
                raise RetryLater("Elasticsearch has no master now, so it can't be told which indices there are")
            return is_found

    def examine(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the indices and their cluster, and how to fix it."""
        searched = self.searched()
        if searched is None:
            yield (
                f"there is no index behind {self.alias!r}",
                "run manage.py consume_events readmodel: it creates and fills the index",
            )
            return
        if searched.version != self.projection.version:
            yield f"{searched.name} was made by another version of the projection {self._name}", self._remedy
        yield from cluster.examine_copies(self._client, [state.target for state in self._kept()])
        yield from self._upkeep.examine(self._kept())
        yield from self._template.examine()
        yield from cluster.examine(self._client)

    def create_next(self) -> Target:
        """Create an index with the next unused number and without an alias."""
        with errors_translated():
            self._template.put()
            numbers = [int(target.name.rpartition("-")[2]) for target in self.kept() if self._is_numbered(target.name)]
            name = f"{self.alias}-{max(numbers, default=0) + 1:06}"
            self._client.indices.create(
                index=name,
                settings={"index": {**self._template.settings, "refresh_interval": NO_REFRESH}},
                mappings={**self._template.mappings, "_meta": {VERSION: self.projection.version, FILLING: True}},
            )
            return self._state_of(name, self._get()).target

    def choose(self, target: Target) -> None:
        """Move the alias to this index in one step; raise TargetLost if the index is gone."""
        searched = self.searched()
        actions: list[Mapping[str, Any]] = [{"add": {"index": target.name, "alias": self.alias, "filter": self._shown}}]
        if searched:
            actions.append({"remove": {"index": searched.name, "alias": self.alias, "must_exist": True}})
        with errors_translated():
            self._upkeep.refresh_as_usual(target)
            self._client.indices.update_aliases(actions=actions)
        self._upkeep.note(target, {FILLING: None, REJECTED: None})

    def refresh_held(self, target: Target) -> AbstractContextManager[None]:
        """Let searches of the index see no new documents, for half a minute at most."""
        return self._upkeep.refresh_held(target)

    def note_rejected(self) -> None:
        """Note as rejected what is newer than the searched index: it was searched, and then an older one again."""
        searched, *others = self._kept()
        for state in others:
            if state.target.name > searched.target.name and state.target.may_be_searched_again:
                self._upkeep.note(state.target, {REJECTED: True})

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

    def _is_numbered(self, name: str) -> bool:
        return bool(self._numbered.fullmatch(name))

    def _get(self) -> dict[str, Any]:
        """Return the descriptions of all indices that have the alias or one of its numbered names."""
        with errors_translated():
            names, features = [self.alias, f"{self.alias}-*"], ["aliases", "settings", "mappings"]
            found = self._client.indices.get(index=names, features=features, ignore_unavailable=True).body
            # The names of a longer alias, such as `tickets-staging` beside `tickets`, begin with this one.
            return {name: description for name, description in found.items() if self._is_ours(name, description)}

    def _is_ours(self, name: str, description: Mapping[str, Any]) -> bool:
        return name == self.alias or self._is_numbered(name) or self.alias in description["aliases"]

    def _searched_of(self, found: Mapping[str, Any]) -> Target | None:
        searched = [name for name, description in found.items() if self.alias in description["aliases"]]
        if self.alias in found or len(searched) > 1:
            names = ", ".join(sorted(searched) or [self.alias])
            raise RetryLater(
                f"{self.alias!r} must be the alias of one index, but is the name or alias of {names}: "
                "delete or rename the others, or set another READMODEL_ALIAS"
            )
        return self._state_of(searched[0], found).target if searched else None

    def _kept(self) -> list[IndexState]:
        found = self._get()
        searched = self._searched_of(found)
        first = [searched.name] if searched else []
        others = sorted(name for name in found if self._is_numbered(name) and name not in first)
        return [self._state_of(name, found) for name in first + others]

    def _state_of(self, name: str, found: Mapping[str, Any]) -> IndexState:
        return IndexState.of(name, found[name], self.alias)

    def _create_first(self) -> Target:
        name = f"{self.alias}-000001"
        try:
            with errors_translated():
                self._client.indices.create(
                    index=name,
                    aliases={self.alias: {"filter": self._shown}},
                    settings={"index": self._template.settings},
                    mappings=self._template.mappings,
                )
        except AlreadyExists:
            # Another process was faster, and set the alias already, or the index has lost its alias.
            self._client.indices.put_alias(index=name, name=self.alias, filter=self._shown)
        created = self.searched()
        if created is None:
            raise TargetLost(f"{name} was deleted as soon as it was created")
        return created

    def _report_version(self, target: Target) -> None:
        if target.version != self.projection.version and target not in self._reported:
            self._reported.add(target)
            logger.warning(
                "%s was made by another version of the projection %s; %s", target.name, self._name, self._remedy
            )

    def _complete_alias(self, target: Target) -> None:
        """Add the filter that the alias of an earlier release lacks."""
        alias = {"index": target.name, "alias": self.alias}
        if self._get()[target.name]["aliases"].get(self.alias, {}).get("filter") != self._shown:
            # Elasticsearch refuses this if the alias has moved meanwhile: it must not name two indices.
            removal = {"remove": {**alias, "must_exist": True}}
            self._client.indices.update_aliases(actions=[removal, {"add": {**alias, "filter": self._shown}}])
