"""Tell other systems, such as the access system that opens the gates, what has happened to the tickets.

In:   batches of events, from the consumer group `access`.
Out:  one webhook for each event and receiver that wants it.
Next: tickets/webhooks

subscriber.py  the group, whose further targets are the receivers
receiver.py    one receiver: its messages, in order for each ticket
messages.py    the bodies of the messages
rows.py        the receivers' rows: read them, keep that of the settings in step, write what happened
control.py     what operators do with receivers
trial.py       send a test message
"""

from tickets.access.subscriber import AccessSystem

__all__ = ["AccessSystem"]
