"""Issue, check in and cancel tickets; models/ticket.py records an event for each change.

values/      the values of a ticket's fields: codes, texts, prices, times
models/      the tables, and the changes of a ticket
changes/     what a person does with one ticket: each change asks first
jobs/        change many tickets in the background
csv_import/  import a CSV file of tickets
export/      write tickets as CSV or for Excel
gate/        let people in: once for each nonce, by code or QR code, offline too
printing/    a ticket as a page and as a QR code
api/         the REST interface
admin/       the tickets in the admin
webhooks/    send signed messages; access.py tells the access system of cancellations and corrections
"""
