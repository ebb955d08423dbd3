"""Read a stream bit by bit, to find foreign entries in its middle, which no consumer may ever read again."""

from events.conf import conf
from events.models import Partition
from events.stream.fetch_size import FetchSize
from events.stream.interface import Stream

BEGINNING = "0"


class Inspection:
    """How far the stream of a partition was read. After its end it begins again."""

    def __init__(self, stream: Stream, partition: int) -> None:
        self._stream = stream
        self._partition = partition
        self._after = BEGINNING
        self._fetch_size = FetchSize(conf.batch_size)

    def count_foreign(self) -> int:
        """Read some entries, about 1 MB at most; return how many of them are foreign."""
        wanted = self._fetch_size.count
        entries = self._stream.entries(self._partition, after=self._after, count=wanted)
        if self._after == BEGINNING and entries:
            self._expect_signed(from_position=int(entries[0].id.partition("-")[0]))
        self._fetch_size.adapt(entries)
        self._after = entries[-1].id if len(entries) == wanted else BEGINNING
        return sum(entry.envelope is None for entry in entries)

    def _expect_signed(self, *, from_position: int) -> None:
        """Believe no unsigned entry any more once those of the time before signatures have left the window."""
        unsigned = Partition.objects.filter(number=self._partition, signed_from__gt=0, signed_from__lte=from_position)
        unsigned.update(signed_from=0)
