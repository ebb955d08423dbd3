"""A transactional outbox: events stored with the change, sent to a Redis stream, consumed in order.

    from events import record, unit_of_work

The way of an event: recording -> relay -> stream -> consumer. Each folder's docstring says what comes in and goes out.
"""

from events.recording.collector import record, unit_of_work

__all__ = ["record", "unit_of_work"]
