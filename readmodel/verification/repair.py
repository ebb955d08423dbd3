"""Make documents what the log tells, through the projection, beside running consumers and other repairs."""

import time
from collections.abc import Callable, Sequence

import msgspec

from readmodel.index.documents import Documents
from readmodel.models import WrongDocuments
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.verification.comparison import Comparison
from readmodel.verification.difference import REPAIRABLE, Difference

# A deleted document's version is forgotten 0.2 s later; others who write meanwhile take less.
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)

type Look = Callable[[Sequence[str]], Sequence[Difference]]


def repair(
    documents: Documents,
    differences: Sequence[Difference],
    *,
    look: Look,
    pauses_seconds: Sequence[float] = PAUSES_SECONDS,
) -> list[Difference]:
    """Repair what can be, until nothing is found when these are looked at again; count, and tell which are repaired."""
    left = [difference for difference in differences if difference.kind in REPAIRABLE]
    for pause in pauses_seconds if left else ():
        time.sleep(pause)
        _mend(documents, left)
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
    """Compare these documents with the log, repair what differs, and tell what did."""
    return repair(comparison.documents, comparison.differences(ids), look=comparison.differences)


def _mend(documents: Documents, differences: Sequence[Difference]) -> None:
    """Write each document over the wrong one, or in its place where that has a version which would hinder events."""
    written: list[VersionedDocument] = []
    hindering = []
    for difference in differences:
        told, stored = difference.told, difference.stored
        version = max(told.version, stored.version + 1 if stored else 0) if told else None
        if told and version is not None and version < told.version + VERSION_STEP:
            written.append(msgspec.structs.replace(told, version=version))
            continue
        hindering += [stored] if stored else []
        written += [told] if told else []
    documents.delete(hindering)
    documents.write(written)  # What is refused is found when it is looked at again.
