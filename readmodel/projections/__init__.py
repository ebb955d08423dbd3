"""Turn events into documents, without I/O.

In:   envelopes.
Out:  documents with their versions.
Next: readmodel/index
"""
