"""The tables: the log, the groups that read it, and the events that these could not handle;
forgotten persons.

pinned.py  the base of all: rows are read and written in EVENTS_DATABASE
"""

from events.models.dead_letters import DeadLetter, DeadLetterAction
from events.models.forgetting import Forgetting
from events.models.groups import Checkpoint, ConsumerGroup, Lease, Member
from events.models.log import LogEntry, Partition, Position, SigningKey, WaitingEntry

__all__ = [
    "Checkpoint",
    "ConsumerGroup",
    "DeadLetter",
    "DeadLetterAction",
    "Forgetting",
    "Lease",
    "LogEntry",
    "Member",
    "Partition",
    "Position",
    "SigningKey",
    "WaitingEntry",
]
