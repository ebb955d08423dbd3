"""Make a search show a write: wait for the write's documents, with one refresh for all requests that wait."""
