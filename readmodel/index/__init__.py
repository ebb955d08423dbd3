"""Keep documents in Elasticsearch. Only this folder speaks to Elasticsearch.

In:   documents with their versions.
Out:  indices behind an alias, which hold the newest version of each document.
Next: readmodel/tickets/search
"""
