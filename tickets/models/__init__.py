"""The tables: tickets, whose changes record events, and the files that were imported.

In:   issue(), cancel(), check_in(), from the REST views, the admin and the import.
Out:  the changed rows, and record(*events), in one unit of work.
Next: events/recording
"""

from tickets.models.details import Status, TicketDetails, TicketFields
from tickets.models.imported_file import ImportedFile
from tickets.models.ticket import Ticket

__all__ = ["ImportedFile", "Status", "Ticket", "TicketDetails", "TicketFields"]
