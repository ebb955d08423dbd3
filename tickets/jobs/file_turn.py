"""Check the file of an import, and write its rows after somebody has confirmed that.

A check reads the whole file in one turn, writes nothing, and begins again after a crash. Rows are then written in
chunks, each in a transaction with the place of its last row, so that after a crash the import goes on behind it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from io import BytesIO
from itertools import batched, islice
from typing import Any

from django.db import transaction

from events import unit_of_work
from tickets.csv_import.importing import Import, ImportReport
from tickets.csv_import.rows import BadRow, Row, read_rows
from tickets.csv_import.source import Source, digest_of
from tickets.jobs.actions import FAILED, FORBIDDEN, Refusal
from tickets.jobs.turn import Turn, shutdown
from tickets.models import JobFile, JobItem, JobState

ROWS_PER_CHUNK = 200
CHUNKS_PER_TURN = 5
COUNTED = [field.name for field in fields(ImportReport) if field.name != "imported_before"]

type Chunk = Sequence[Row | BadRow]


def source_of(file: JobFile) -> Source:
    content = BytesIO(bytes(file.content))
    return Source(content, file.encoding, file.delimiter, digest_of(content), file.time_zone)


class FileTurn(Turn):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._file = self.job.file
        self._is_complete = False
        self._bad: list[BadRow] = []
        self._import = Import(self._bad.append)

    def work_off(self) -> None:
        if self.is_failing:
            self._give_up(FAILED)
        elif self.job.is_confirmed:
            self._write()
        else:
            self._check()

    def refuse_rest(self) -> None:
        self._give_up(FORBIDDEN)

    def has_more(self) -> bool:
        return not self._is_complete

    def finish(self) -> None:
        """Delete the file, which is about persons, unless it waits to be confirmed."""
        if self.end != JobState.CHECKED:
            self._file.delete()

    def _check(self) -> None:
        self._begin_again()
        source, all_bad = source_of(self._file), 0
        for chunk in batched(read_rows(source), ROWS_PER_CHUNK, strict=False):
            if shutdown.requested:
                return
            self._import.check(chunk, source.digest)
            all_bad += len(self._bad)
            with transaction.atomic():
                self._count_chunk(chunk, {})
        self._is_complete = True
        self.end = JobState.FINISHED if all_bad else JobState.CHECKED

    def _begin_again(self) -> None:
        """Forget what a check before a crash has found."""
        with transaction.atomic():
            JobItem.objects.filter(job=self.job).delete()
            self.set(done=0, refused=0, counts={})

    def _write(self) -> None:
        source, before = source_of(self._file), self.job.counts
        chunks = batched(read_rows(source, after=self._file.row), ROWS_PER_CHUNK, strict=False)
        for chunk in islice(chunks, CHUNKS_PER_TURN):
            if shutdown.requested:
                return
            with unit_of_work():
                self._import.write(chunk, source)
                self._count_chunk(chunk, before)
                # After the job's row: who stops the job locks them in this order too.
                JobFile.objects.filter(id=self._file.id).update(row=chunk[-1].place.row)
        self._is_complete = next(chunks, None) is None

    def _count_chunk(self, chunk: Chunk, before: dict[str, int]) -> None:
        """Keep the chunk's bad rows, and add what was counted in this turn to what was counted before."""
        JobItem.objects.bulk_create(self._items())
        now = asdict(self._import.report)
        counts = {name: before.get(name, 0) + now[name] for name in COUNTED}
        refused = len(self._bad)
        self._bad.clear()
        self.count(done=len(chunk) - refused, refused=refused, counts=counts)

    def _items(self) -> Iterator[JobItem]:
        return (Refusal(400, "", str(bad)).item(self.job) for bad in self._bad)

    def _give_up(self, refusal: Refusal) -> None:
        with transaction.atomic():
            refusal.item(self.job).save()
            self.count(refused=1)
        self._is_complete, self.end = True, JobState.STOPPED
