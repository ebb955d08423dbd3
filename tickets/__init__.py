"""Issue, check in and cancel tickets; models/ticket.py records an event for each change.

values/      the values of a ticket's fields: codes, texts, prices, times
models/      the tables, and the changes of a ticket
api/         the REST interface
admin/       the tickets in the admin
csv_import/  import a CSV file of tickets
webhooks/    send signed messages; access.py tells the access system of cancellations and corrections
"""
