"""The read model of the tickets: their documents and timeline, and the search in them over REST and for people.

In:   events of tickets.
Out:  documents, without I/O, for the frame to store.
Next: readmodel/index
"""
