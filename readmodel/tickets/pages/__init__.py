"""The search for people: the pages, as HTML."""
