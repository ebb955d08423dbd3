"""The read model of the tickets: their documents and timeline, and the search over REST and on web pages.

In:   events of tickets.
Out:  documents, which the frame stores.
Next: readmodel/index
"""
