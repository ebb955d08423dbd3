"""The frame of a read model: documents in Elasticsearch, projected from events. It does not depend on tickets.

A project names its projections in READMODEL_PROJECTIONS; `readmodel.tickets` has those of this service.
"""
