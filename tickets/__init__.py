"""Issue, check in and cancel tickets; models.py records an event for each change.

access.py    tell the access system of cancellations and corrections, by way of webhooks/
csv_import/  import a CSV file of tickets
"""
