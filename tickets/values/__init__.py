"""The values of a ticket's fields: how codes, texts, prices and times are checked, normalized and written.

fields.py has the columns of the tables. All others know no tables.
"""
