"""A simulated Elasticsearch: bulk requests with external versions, and reads by id."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import msgspec
from elasticsearch import ConnectionTimeout

from tests.simulation.scheduler import Call, Scheduler, Task


def _no_answer(_: Task) -> Exception:
    return ConnectionTimeout("no answer")


BULK = Call("bulk", _no_answer)
MGET = Call("mget", _no_answer)


class Stored(msgspec.Struct):
    version: int
    source: dict[str, Any]


class Index:
    def __init__(self, uuid: str) -> None:
        self.uuid = uuid
        self.documents: dict[str, Stored] = {}


class Transport(NamedTuple):
    """The part of the client's that tells how many nodes there are."""

    node_pool: tuple[str, ...] = ("the only node",)


class ElasticsearchServer:
    """The indices by name; also the client, since all processes share it."""

    transport = Transport()

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.indices: dict[str, Index] = {}
        self.refuses: Callable[[str, int], HTTPStatus | None] = lambda _key, _version: None
        """Says with which status a version of a document is refused."""
        self.made = 0
        """How many indices were made."""
        self._numbers: Counter[str] = Counter()

    def name_of(self, alias: str) -> str:
        """Return the name of the alias's index, which may have been deleted."""
        return f"{alias}-{self._numbers[alias]}"

    def ensure(self, alias: str) -> Index:
        """Return the alias's index; one that was deleted by hand is created again under its name."""
        name = self.name_of(alias)
        if name not in self.indices:
            self.made += 1
            self.indices[name] = Index(f"{alias} {self.made}")
        return self.indices[name]

    def replace(self, alias: str) -> None:
        """Put an empty index behind the alias, under a new name, as `Indices.replace` does."""
        if self.indices.pop(self.name_of(alias), None):
            self._numbers[alias] += 1
            self.ensure(alias)

    def drop(self, alias: str) -> None:
        self.indices.pop(self.name_of(alias), None)

    def options(self, **_: Any) -> Self:
        return self

    def bulk(self, *, index: str, operations: bytes, **_: Any) -> Mapping[str, Any]:
        return self.scheduler.call(BULK, lambda: self._bulk(index, operations))

    def _bulk(self, name: str, operations: bytes) -> Mapping[str, Any]:
        lines = [msgspec.json.decode(line) for line in operations.splitlines()]
        pairs = zip(lines[::2], lines[1::2], strict=True)
        return {"items": [{"index": self._store(name, action["index"], source)} for action, source in pairs]}

    def _store(self, name: str, action: Mapping[str, Any], source: dict[str, Any]) -> Mapping[str, Any]:
        key, index = action["_id"], self.indices.get(name)
        if index is None:
            return _refused(key, HTTPStatus.NOT_FOUND, "index_not_found_exception")
        if status := self.refuses(key, source["version"]):
            return _refused(key, status, "refused_exception")
        stored = index.documents.get(key)
        is_external = action.get("version_type") == "external"
        version = action["version"] if is_external else stored.version + 1 if stored else 1
        if is_external and stored and stored.version >= version:
            return _refused(key, HTTPStatus.CONFLICT, "version_conflict_engine_exception")
        index.documents[key] = Stored(version, source)
        return {"_id": key, "status": HTTPStatus.OK}

    def mget(self, *, index: str, ids: Sequence[str], **_: Any) -> Mapping[str, Any]:
        # As from the client of readmodel/index: documents are not parsed.
        return self.scheduler.call(MGET, lambda: {"docs": _raw([self._get(index, key) for key in ids])})

    def _get(self, name: str, key: str) -> Mapping[str, Any]:
        index = self.indices.get(name)
        if index is None:
            return {"_id": key, "error": {"type": "index_not_found_exception", "reason": "no such index"}}
        stored = index.documents.get(key)
        if stored is None:
            return {"_id": key, "found": False}
        return {"_id": key, "found": True, "_version": stored.version, "_source": stored.source}


def _raw(documents: Sequence[Mapping[str, Any]]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(documents))


def _refused(key: str, status: int, kind: str) -> Mapping[str, Any]:
    return {"_id": key, "status": status, "error": {"type": kind, "reason": kind}}
