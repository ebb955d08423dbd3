"""Store documents in Elasticsearch. Only this folder talks to Elasticsearch.

In:   documents with their versions.
Out:  indices behind an alias, with the newest version of each document.
Next: readmodel/tickets/search
"""
