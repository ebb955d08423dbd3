"""Import a CSV file of tickets: rows.py reads and checks its rows, importing.py stores them in batches."""
