"""Feed the read model: what the consumer group `readmodel` runs.

In:   batches of envelopes, in order, at least once.
Out:  the same, as documents in the index.
Next: readmodel/projections.py
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from events.envelope import Envelope
from events.subscriber import Subscriber
from readmodel.projections import PROJECTIONS, project

if TYPE_CHECKING:
    from readmodel.index import Target


class ReadModel(Subscriber):
    """Writes the newest state of each ticket; any order and repetition of batches ends in the same documents."""

    handles = PROJECTIONS.keys()

    def __init__(self) -> None:
        # Elasticsearch's client takes a second to load, and every process of the service looks at this class.
        from readmodel.index import connect  # noqa: PLC0415

        self._index = connect()
        self._target: Target  # from open() on

    def open(self) -> str:
        """Return the UUID of the index: one that was deleted and made again is fed from the start of the log."""
        self._target = self._index.ensure()
        return self._target.uuid

    def handle(self, batch: Sequence[Envelope]) -> None:
        documents = project(batch)
        if documents:
            self._index.write(self._target, documents)

    def forget(self) -> None:
        """Put an empty index in the place of the one that knows too much: its versions are from a lost future."""
        self._index.replace()

    def close(self) -> None:
        self._index.close()
