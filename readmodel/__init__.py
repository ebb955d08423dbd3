"""The frame of a read model: documents in Elasticsearch, projected from events. It knows no ticket.

A project names its projections in READMODEL_PROJECTIONS; `readmodel.tickets` has those of this service.
"""
