"""Keep an index as the settings say; hold its refreshes for a rebuild, and undo what a killed one left."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from events.exceptions import RetryLater, TargetLost, Unprocessable
from events.processes.throttled_log import ThrottledLog
from readmodel.index.bulk import expect_all_shards
from readmodel.index.client import Client, errors_translated, refusals_retried
from readmodel.index.notes import HELD_UNTIL, REPLICAS, IndexState, Target
from readmodel.index.template import INTERVAL_KNOWN_SECONDS

logger = logging.getLogger(__name__)

HELD_SECONDS = 30
"""How long a rebuild may hold the refreshes of the searched index."""
BEGUN_SECONDS = INTERVAL_KNOWN_SECONDS + 0.2
"""Time for a refresh to begin and to end whose process has just seen that none is held."""


class Upkeep:
    """Changes the settings and the notes of an index; a rebuild changes no others for a while."""

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        """`settings` are those that an index has every day."""
        self._client = client
        self._everyday_interval = str(settings["refresh_interval"])
        self._replicas = str(settings[REPLICAS])
        self._log = ThrottledLog(logger)

    @contextmanager
    def refresh_held(self, target: Target) -> Iterator[None]:
        """Let searches of the index see no new documents, for half a minute at most.

        If this process is killed meanwhile, the note in the index says until when the hold is valid; `undo_leftovers`
        ends it then.
        """
        try:
            self.note(target, {HELD_UNTIL: time.time() + HELD_SECONDS})
            self._set_interval(target, f"{HELD_SECONDS}s")
            time.sleep(BEGUN_SECONDS)
            yield
        finally:
            self.refresh_as_usual(target)
            self.note(target, {HELD_UNTIL: None})

    def refresh_as_usual(self, target: Target) -> None:
        """Set the usual refresh interval, and refresh."""
        self._set_interval(target, self._everyday_interval)
        with errors_translated():
            expect_all_shards(self._client.indices.refresh(index=target.name).body)

    def note(self, target: Target, changes: Mapping[str, Any]) -> None:
        """Change notes of the index; None deletes a note."""
        with errors_translated():
            found = self._client.indices.get_mapping(index=target.name)[target.name]["mappings"].get("_meta", {})
            notes = {name: value for name, value in {**found, **changes}.items() if value is not None}
            self._client.indices.put_mapping(index=target.name, meta=notes)

    def add_fields(self, states: Iterable[IndexState], mapping: Mapping[str, Any]) -> None:
        """Add the fields that the indices lack, the others stay as they are; the searched index must have all."""
        for state in states:
            if missing := {field: how for field, how in mapping.items() if field not in state.fields}:
                try:
                    self._add(state.target.name, missing)
                except (RetryLater, TargetLost, Unprocessable) as error:
                    if state.is_searched:
                        raise
                    self._log.error(f"{state.target.name} can't get the fields {', '.join(missing)}: {error}")

    def _add(self, name: str, fields: Mapping[str, Any]) -> None:
        try:
            with errors_translated():
                self._client.indices.put_mapping(index=name, properties=fields)
        except Unprocessable:
            # The index lacks an analyzer that they need: until it is rebuilt, the fields are stored, but not searched.
            kept = {field: {"type": "object", "enabled": False} for field in fields}
            with errors_translated():
                self._client.indices.put_mapping(index=name, properties=kept)

    def apply_replicas(self, states: Iterable[IndexState]) -> None:
        """Let the indices have as many replicas as the settings say now; one that can't be changed is still fed."""
        for state in states:
            if state.replicas == self._replicas:
                continue
            name, settings = state.target.name, {f"index.{REPLICAS}": self._replicas}
            try:
                with refusals_retried():
                    self._client.indices.put_settings(index=name, settings=settings)
            except (RetryLater, TargetLost) as error:
                self._log.error(f"{name} can't have {self._replicas} replicas now: {error}")
            else:
                logger.info("%s has %s replicas now, not %s", name, self._replicas, state.replicas or "a fixed number")

    def undo_leftovers(self, states: Iterable[IndexState]) -> None:
        """Undo what interrupted rebuilds left; an index that can't be changed now keeps nobody from being fed."""
        for state in filter(self._is_left_over, states):
            name = state.target.name
            try:
                with refusals_retried():
                    self.refresh_as_usual(state.target)
                    self._client.indices.put_mapping(index=name, meta=state.valid_notes)
            except (RetryLater, TargetLost) as error:
                self._log.error(f"what an interrupted rebuild left of {name} can't be undone: {error}")
            else:
                logger.warning("what an interrupted rebuild left of %s is undone", name)

    def examine(self, states: Iterable[IndexState]) -> Iterator[tuple[str, str]]:
        """Yield what interrupted rebuilds left, and how to undo it."""
        for state in filter(self._is_left_over, states):
            yield (
                f"an interrupted rebuild left {state.target.name} with the refresh interval "
                f"{state.refresh_interval or 'of the server'}, not {self._everyday_interval}",
                "run manage.py consume_events readmodel: it undoes this within a second",
            )

    def _is_left_over(self, state: IndexState) -> bool:
        return state.is_left_over(self._everyday_interval)

    def _set_interval(self, target: Target, interval: str) -> None:
        with errors_translated():
            self._client.indices.put_settings(index=target.name, settings={"index.refresh_interval": interval})
