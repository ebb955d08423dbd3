"""Write the log's state into documents that differ, while consumers and other repairs are running."""

import time
from collections.abc import Callable, Sequence

import msgspec

from readmodel.index.documents import Documents
from readmodel.models import WrongDocuments
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import REPAIRABLE, Difference

# Elasticsearch forgets a deleted document's version after 0.2 s; concurrent writes take less time.
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)

type Look = Callable[[Sequence[str]], Sequence[Difference]]


def repair(
    documents: Documents,
    differences: Sequence[Difference],
    *,
    look: Look,
    pauses_seconds: Sequence[float] = PAUSES_SECONDS,
) -> list[Difference]:
    """Repair the differences, until `look` finds none of them any more; return them, marked as repaired or not.

    The differences are also counted in WrongDocuments.
    """
    left = [difference for difference in differences if difference.kind in REPAIRABLE]
    for pause in pauses_seconds if left else ():
        time.sleep(pause)
        _write(documents, left)
        left = [
            difference for difference in look([difference.id for difference in left]) if difference.kind in REPAIRABLE
        ]
        if not left:
            break
    unrepaired = {difference.id for difference in left}
    found = [
        msgspec.structs.replace(difference, repaired=difference.kind in REPAIRABLE and difference.id not in unrepaired)
        for difference in differences
    ]
    WrongDocuments.count(documents.projection.name, ((difference.kind, difference.repaired) for difference in found))
    return found


def repair_by_log(comparison: Comparison, ids: Sequence[str]) -> list[Difference]:
    """Compare these documents with the log, repair the differences, and return them."""
    return repair(comparison.documents, comparison.differences(ids), look=comparison.differences)


def _write(documents: Documents, differences: Sequence[Difference]) -> None:
    """Overwrite each wrong document, or delete it first if its version would make it refuse later events."""
    written: list[VersionedDocument] = []
    deleted = []
    for difference in differences:
        expected, stored = difference.expected, difference.stored
        version = max(expected.version, stored.version + 1 if stored else 0) if expected else None
        if expected and version is not None and version < expected.version + VERSION_STEP:
            written.append(msgspec.structs.replace(expected, version=version))
            continue
        deleted += [stored] if stored else []
        written += [expected] if expected else []
    documents.delete(deleted)
    documents.write(written)  # The next look finds documents that were refused.
