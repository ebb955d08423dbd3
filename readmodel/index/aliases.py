"""The concrete indices behind an alias: all that are kept are fed, the alias chooses the one that is searched."""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.processes.throttled_log import ThrottledLog
from readmodel.index.client import EXPENSIVE_QUERIES, AlreadyExists, Client, errors_translated, refusals_retried
from readmodel.index.notes import FILLING, HELD_UNTIL, NO_REFRESH, REJECTED, VERSION, IndexState, Target
from readmodel.index.template import IndexTemplate
from readmodel.projection import Projection

logger = logging.getLogger(__name__)

HELD_SECONDS = 30
"""How long a rebuild may hold the refreshes of the searched index."""


class Indices:
    """Makes, finds, chooses and deletes them. Every method raises RetryLater if Elasticsearch can't answer now."""

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client = client
        self.projection = projection
        self.alias = projection.alias
        self._template = IndexTemplate(client, projection)
        # A hidden document has no id: whoever searches by the alias does not see it.
        self._shown = {"exists": {"field": projection.id_field}}
        self._told: set[Target] = set()
        self._log = ThrottledLog(logger)
        self._numbered = re.compile(re.escape(self.alias) + r"-\d{6}")

    def ensure(self) -> Target:
        """Return the index behind the alias; make it if there is none. Any number of processes may do so at once."""
        try:
            with errors_translated():
                self._template.put()
                searched = self.searched() or self._create_first()
                self._complete(searched)
                self.settle()
                return searched
        except (TargetLost, Unprocessable) as error:
            # A hand at work beside us, or one that has to help: to go on trying mends the one and tells of the other.
            raise RetryLater(str(error)) from error

    def searched(self) -> Target | None:
        """Return the index behind the alias."""
        return self._searched_of(self._get())

    def _searched_of(self, found: Mapping[str, Any]) -> Target | None:
        searched = [name for name, description in found.items() if self.alias in description["aliases"]]
        if self.alias in found or len(searched) > 1:
            names = ", ".join(sorted(searched) or [self.alias])
            raise RetryLater(
                f"{self.alias!r} must be the alias of one index, but it is {names}: delete or rename that, or set "
                "another READMODEL_ALIAS"
            )
        return self._state_of(searched[0], found).target if searched else None

    def kept(self) -> list[Target]:
        """Return the index behind the alias, if there is one, and then those that are fed beside it, oldest first."""
        return [state.target for state in self._kept()]

    def settle(self) -> list[Target]:
        """Undo what interrupted rebuilds have left; return the kept indices as `kept` does."""
        states = self._kept()
        for state in states:
            if self._is_left_over(state):
                self._settle(state)
        return [state.target for state in states]

    def exists(self, uuid: str) -> bool:
        """Tell whether there is an index with this UUID, whatever it is called."""
        with errors_translated():
            found = self._client.indices.get(index="*", features="settings", filter_path="*.settings.index.uuid")
            return uuid in {description["settings"]["index"]["uuid"] for description in found.values()}

    def examine(self) -> Iterator[tuple[str, str]]:
        """Say what is wrong with the index behind the alias, and what mends it."""
        searched = self.searched()
        if searched is None:
            yield f"there is no index behind {self.alias!r}", "run consume_events readmodel, which makes and fills it"
            return
        yield from self._template.examine()
        yield from self._examine_cluster()
        if searched.version != self.projection.version:
            yield f"{searched.name} is of another version of the projection {self.projection.name}", self._remedy
        for state in self._kept():
            if self._is_left_over(state):
                yield (
                    f"an interrupted rebuild has left {state.target.name} with the refresh interval "
                    f"{state.refresh_interval or 'of the server'}, not {self._everyday_interval}",
                    "run consume_events readmodel, which undoes it within a second; then run rebuild_readmodel "
                    f"{self.projection.name} again if it had not finished",
                )

    def create_next(self) -> Target:
        """Make an index under the next number, which was never used, behind no alias."""
        with errors_translated():
            self._template.put()
            numbers = [int(target.name.rpartition("-")[2]) for target in self.kept() if self._is_numbered(target)]
            name = f"{self.alias}-{max(numbers, default=0) + 1:06}"
            self._client.indices.create(
                index=name,
                settings={"index": {**self._template.settings, "refresh_interval": NO_REFRESH}},
                mappings={**self._template.mappings, "_meta": {VERSION: self.projection.version, FILLING: True}},
            )
            return self._state_of(name, self._get()).target

    def choose(self, target: Target) -> None:
        """Let the alias name this index from now on, in one step; raise TargetLost if it is gone."""
        searched = self.searched()
        actions: list[Mapping[str, Any]] = [{"add": {"index": target.name, "alias": self.alias, "filter": self._shown}}]
        if searched:
            actions.append({"remove": {"index": searched.name, "alias": self.alias, "must_exist": True}})
        with errors_translated():
            self._use_interval(target, self._everyday_interval)
            self._client.indices.update_aliases(actions=actions)
        self.settle()  # What was noted when it was filled or rejected is over.

    @contextmanager
    def refresh_held(self, target: Target) -> Iterator[None]:
        """Let searches of the index see what they see now, for half a minute at most.

        Killed meanwhile, this process leaves a note of how long the hold was meant to last; `settle` undoes it then.
        """
        try:
            self._note(target, {HELD_UNTIL: time.time() + HELD_SECONDS})
            with errors_translated():
                self._use_interval(target, f"{HELD_SECONDS}s")
            yield
        finally:
            with errors_translated():
                self._use_interval(target, self._everyday_interval)
            self._note(target, {HELD_UNTIL: None})

    def note_rejected(self) -> None:
        """Note which indices are newer than the searched one: these were searched, and then an older one again."""
        searched, *others = self._kept()
        for state in others:
            if state.target.name > searched.target.name and not (state.target.is_new or state.target.is_rejected):
                self._note(state.target, {REJECTED: True})

    def delete(self, target: Target) -> None:
        """Delete an index; that of the same name but another UUID stays."""
        with errors_translated():
            if target.uuid in {kept.uuid for kept in self.kept()}:
                self._client.options(ignore_status=404).indices.delete(index=target.name)

    def replace(self) -> None:
        """Put an empty index behind the alias, and delete all that were kept.

        Under a name that was never used: a late write to an old one must not end in the new one.
        """
        kept = self.kept()
        if kept:
            self.choose(self.create_next())
        for target in kept:
            self.delete(target)

    @property
    def _remedy(self) -> str:
        return f"say manage.py rebuild_readmodel {self.projection.name}"

    @property
    def _everyday_interval(self) -> str:
        return str(self._template.settings["refresh_interval"])

    def _examine_cluster(self) -> Iterator[tuple[str, str]]:
        with errors_translated():
            found = self._client.cluster.get_settings(
                flat_settings=True, include_defaults=True, filter_path=f"*.{EXPENSIVE_QUERIES}"
            ).body
        values = [found[kind][EXPENSIVE_QUERIES] for kind in ("transient", "persistent", "defaults") if kind in found]
        if values and values[0] == "false":
            remedy = "set it to true, with PUT /_cluster/settings or in elasticsearch.yml"
            yield f"the cluster refuses searches: {EXPENSIVE_QUERIES} is false", remedy

    def _is_left_over(self, state: IndexState) -> bool:
        return state.is_left_over(self._everyday_interval)

    def _settle(self, state: IndexState) -> None:
        """Undo a leftover; an index that can't be changed now is fed all the same."""
        try:
            with refusals_retried():
                self._use_interval(state.target, self._everyday_interval)
                self._client.indices.put_mapping(index=state.target.name, meta=state.settled_notes)
        except (RetryLater, TargetLost) as error:
            self._log.error(f"what an interrupted rebuild has left of {state.target.name} can't be undone: {error}")
        else:
            logger.warning("what an interrupted rebuild has left of %s is undone", state.target.name)

    def _use_interval(self, target: Target, interval: str) -> None:
        self._client.indices.put_settings(index=target.name, settings={"index.refresh_interval": interval})
        if interval == self._everyday_interval:
            self._client.indices.refresh(index=target.name)

    def _note(self, target: Target, changes: Mapping[str, Any]) -> None:
        """Change notes of the index; None takes a note away."""
        with errors_translated():
            found = self._client.indices.get_mapping(index=target.name)[target.name]["mappings"].get("_meta", {})
            notes = {name: value for name, value in {**found, **changes}.items() if value is not None}
            self._client.indices.put_mapping(index=target.name, meta=notes)

    def _kept(self) -> list[IndexState]:
        found = self._get()
        searched = self._searched_of(found)
        names = sorted(name for name in found if self._numbered.fullmatch(name))
        if searched:
            names = [searched.name, *(name for name in names if name != searched.name)]
        return [self._state_of(name, found) for name in names]

    def _state_of(self, name: str, found: Mapping[str, Any]) -> IndexState:
        return IndexState.of(name, found[name], self.alias)

    def _is_numbered(self, target: Target) -> bool:
        return bool(self._numbered.fullmatch(target.name))

    def _get(self) -> dict[str, Any]:
        """Return the descriptions of all that has the alias, or a name of ours."""
        with errors_translated():
            names, features = [self.alias, f"{self.alias}-*"], ["aliases", "settings", "mappings"]
            found = self._client.indices.get(index=names, features=features, ignore_unavailable=True).body
            # The names of a longer alias, such as `tickets-staging` beside `tickets`, begin like ours.
            return {name: description for name, description in found.items() if self._is_ours(name, description)}

    def _is_ours(self, name: str, description: Mapping[str, Any]) -> bool:
        is_named_so = name == self.alias or self._numbered.fullmatch(name)
        return bool(is_named_so or self.alias in description["aliases"])

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
            # Another process was faster, which makes this a repetition, or the index has lost its alias.
            self._client.indices.put_alias(index=name, name=self.alias, filter=self._shown)
        created = self.searched()
        if created is None:
            raise TargetLost(f"{name} was deleted as soon as it was made")
        return created

    def _complete(self, target: Target) -> None:
        """Add the fields and the alias's filter that this release has and the index has not; the other fields stay."""
        if target.version != self.projection.version and target not in self._told:
            self._told.add(target)
            logger.warning(
                "%s is of another version of the projection %s; %s", target.name, self.projection.name, self._remedy
            )
        description = self._get()[target.name]
        known = description["mappings"].get("properties", {})
        if fields := {name: field for name, field in self.projection.mapping.items() if name not in known}:
            self._add(target, fields)
        alias = {"index": target.name, "alias": self.alias}
        if description["aliases"].get(self.alias, {}).get("filter") != self._shown:
            # Refused if the alias has moved meanwhile: it must not name two indices.
            removal = {"remove": {**alias, "must_exist": True}}
            self._client.indices.update_aliases(actions=[removal, {"add": {**alias, "filter": self._shown}}])

    def _add(self, target: Target, fields: Mapping[str, Any]) -> None:
        try:
            with errors_translated():
                self._client.indices.put_mapping(index=target.name, properties=fields)
        except Unprocessable:
            # They need an analyzer that the index was made without: until it is rebuilt, they are kept, not searched.
            kept = {name: {"type": "object", "enabled": False} for name in fields}
            self._client.indices.put_mapping(index=target.name, properties=kept)
