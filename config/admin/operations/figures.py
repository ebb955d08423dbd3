"""Collect what the operations page shows. Redis and Elasticsearch may be down: then their figures are missing."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.utils import timezone

from events.dead_letters.queries import by_error, open_letters
from events.exceptions import PartitionsMissing, RetryLater, TargetLost
from events.operations.status import PartitionStatus, status
from events.processes.pooled_sessions import release_sessions
from events.stream.interface import open_stream
from readmodel import rebuild
from readmodel.index.document_index import shared_index
from readmodel.index.notes import Target
from readmodel.projection import Projection, projections

TIMEOUT_SECONDS = 1.0
MOST_ERRORS = 50


class IndexFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A kept index of a projection, and how far it is filled."""

    name: str
    is_searched: bool
    is_new: bool
    handled: int
    of: int

    @property
    def percent(self) -> int:
        return 100 * self.handled // self.of if self.of else 100


class ProjectionFigures(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    indices: list[IndexFigures]
    problem: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All of the page, at one time."""

    at: float
    partitions: list[PartitionStatus]
    projections: list[ProjectionFigures]
    letters: list[Mapping[str, Any]]
    problem: str = ""


def collect() -> Figures:
    """Ask database, Redis and Elasticsearch once; none of the waits holds a session of the database."""
    letters = [_with_query(count) for count in by_error(open_letters())[:MOST_ERRORS]]
    partitions, problem = [], ""
    try:
        with closing(open_stream(timeout_seconds=TIMEOUT_SECONDS)) as stream:
            partitions = status(stream)
    except PartitionsMissing as error:
        problem = str(error)
    found = [_of_projection(projection) for projection in projections()]
    at = timezone.now().timestamp()
    return Figures(at=at, partitions=partitions, projections=found, letters=letters, problem=problem)


def _with_query(count: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the query by which the list and the button for these dead letters choose them."""
    return {**count, "query": urlencode({name: count[name] for name in ("group", "type", "error_type")})}


def _of_projection(projection: type[Projection]) -> ProjectionFigures:
    release_sessions()  # Elasticsearch may take its time to answer.
    try:
        indices = shared_index(projection).indices
        searched = indices.searched()
        kept = list(_of_indices(indices.kept(), searched))
    except (RetryLater, TargetLost) as error:
        return ProjectionFigures(name=projection.name, indices=[], problem=str(error))
    return ProjectionFigures(name=projection.name, indices=kept)


def _of_indices(kept: list[Target], searched: Target | None) -> Iterator[IndexFigures]:
    for target in kept:
        count = rebuild.count(target)
        yield IndexFigures(
            name=target.name,
            is_searched=searched is not None and target.uuid == searched.uuid,
            is_new=target.is_new,
            handled=count.handled,
            of=count.of,
        )
