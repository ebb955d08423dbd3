"""Write tickets as a CSV file or an Excel workbook, of any length in the same memory.

In:   a query of tickets, from the admin.
Out:  the file, a part at a time; no cell is a formula.
"""
