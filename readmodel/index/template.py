"""The index template of the indices behind an alias; it keeps writes from making one of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from events.exceptions import RetryLater, Unprocessable
from readmodel.conf import conf
from readmodel.index.client import Client, errors_translated
from readmodel.index.notes import REPLICAS, VERSION
from readmodel.projection import Projection

USUAL_INTERVAL = "1s"
"""The server's default too, but unless it is set, an index that is not searched for 30 s stops refreshing."""
INTERVAL_KNOWN_SECONDS = 0.2
"""For how long who refreshes an index relies on the interval that it had."""

# Elasticsearch forgets a deleted document's version at once, so a document deleted by hand can be written again.
SETTINGS: Mapping[str, Any] = {
    "refresh_interval": USUAL_INTERVAL,
    "gc_deletes": "0s",
}
PRIORITY = 500
"""The alias's length is added: of `tickets-*` and `tickets-staging-*` the longer one is that of an index of both."""


class IndexTemplate:
    """Creates the template. Every method raises RetryLater if Elasticsearch can't answer now."""

    def __init__(self, client: Client, projection: Projection) -> None:
        self._client = client
        self._alias = projection.alias
        copies = {"number_of_shards": conf.shards, REPLICAS: f"0-{conf.replicas}"}
        self.settings = {**SETTINGS, **copies, **projection.settings}
        self.mappings = {**projection.mappings, "_meta": {VERSION: projection.version}}

    @property
    def body(self) -> Mapping[str, Any]:
        return {
            "index_patterns": [self._alias, f"{self._alias}-*"],
            "template": {"mappings": self.mappings, "settings": {"index": self.settings}},
            "allow_auto_create": False,
            "priority": self._priority,
        }

    def put(self) -> None:
        """Store the template; raise RetryLater if it collides with another's."""
        try:
            with errors_translated():
                self._client.indices.put_index_template(name=self._alias, **self.body)
        except Unprocessable as error:
            raise RetryLater(f"the index template {self._alias} is refused: {error}; {self._remedy}") from error

    def examine(self) -> Iterator[tuple[str, str]]:
        """Yield whether another template takes precedence, and what to do."""
        with errors_translated():
            if not self._client.indices.exists_index_template(name=self._alias):
                yield (
                    f"there is no index template {self._alias}",
                    f"run manage.py consume_events readmodel, or {self._remedy}",
                )
                return
            found = self._client.indices.simulate_index_template(name=f"{self._alias}-000001").body
        if self._alias in {template["name"] for template in found.get("overlapping", ())}:
            yield f"another index template takes precedence over {self._alias}", self._remedy

    @property
    def _priority(self) -> int:
        return PRIORITY + len(self._alias)

    @property
    def _remedy(self) -> str:
        return (
            f"give other index templates that match {self._alias}-000001 (GET /_index_template) a priority below "
            f"{self._priority} or other patterns, or set another READMODEL_ALIAS"
        )
