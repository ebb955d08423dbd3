"""A transactional outbox: events stored with the change, sent to a Redis stream, consumed in order.

    from events import record, unit_of_work

The way of an event: collector -> outbox -> relay -> stream -> consumer.
"""

from events.collector import record, unit_of_work

__all__ = ["record", "unit_of_work"]
