"""Search the tickets: from typed words and filters to a page of tickets."""
