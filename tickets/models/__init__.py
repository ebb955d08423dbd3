"""The tables: tickets, whose changes record events, their ways through the gates, the files that were
imported, the requests that were answered under a key, the jobs that change many tickets, and the receivers of webhooks.

In:   issue(), cancel(), check_in(), from the REST views, the admin and the import.
Out:  the changed rows, and record(*events), in one unit of work.
Next: events/recording
"""

from tickets.models.check_in import CheckIn, Passage
from tickets.models.details import Correction, Status, TicketDetails, TicketFields
from tickets.models.imported_file import ImportedFile
from tickets.models.job import Job, JobFile, JobItem, JobKind, JobState, Outcome
from tickets.models.kept_answer import KeptAnswer
from tickets.models.receiver import Delivery, Receiver, WhyOff
from tickets.models.ticket import Ticket

__all__ = [
    "CheckIn",
    "Correction",
    "Delivery",
    "ImportedFile",
    "Job",
    "JobFile",
    "JobItem",
    "JobKind",
    "JobState",
    "KeptAnswer",
    "Outcome",
    "Passage",
    "Receiver",
    "Status",
    "Ticket",
    "TicketDetails",
    "TicketFields",
    "WhyOff",
]
