"""Write a line of the log for each stage of events: a verb, how many, their ids.

One line for a batch, not for each event, and no more than ten ids: the line of a large batch has its positions. What
changes the stream or a checkpoint is INFO; the stages between are DEBUG.
"""

import logging
from collections.abc import Sequence
from logging import Logger
from uuid import UUID

from events.correlation import correlated
from events.envelope import Envelope

MOST_IDS = 10


def note(logger: Logger, verb: str, event_ids: Sequence[UUID], *, level: int = logging.DEBUG, **where: object) -> None:
    """Write the line; `where` names the partition, the group and so on."""
    if not (event_ids and logger.isEnabledFor(level)):
        return
    shown = list(map(str, event_ids[:MOST_IDS]))
    known = {name: value for name, value in where.items() if value not in ("", None)}
    words = [f"{name}={value}" for name, value in known.items()]
    words.append(f"ids={','.join(shown)}{' ...' if len(event_ids) > MOST_IDS else ''}")
    fields = {"verb": verb, "events": len(event_ids), "event_ids": shown, **known}
    logger.log(level, "%s %d events: %s", verb, len(event_ids), " ".join(words), extra=fields)


def note_batch(
    logger: Logger, verb: str, batch: Sequence[Envelope], *, level: int = logging.DEBUG, **where: object
) -> None:
    """Write the line of events that have their positions, with the ids of the requests that caused them."""
    if not (batch and logger.isEnabledFor(level)):
        return
    positions = {"first_position": batch[0].position, "last_position": batch[-1].position}
    with correlated(envelope.correlation_id for envelope in batch):
        note(logger, verb, [envelope.id for envelope in batch], level=level, **where, **positions)
