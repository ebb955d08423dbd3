"""Tickets whose saves django-elasticsearch-dsl writes into Elasticsearch; loaded when the project is.

A proxy is a class of its own to the signals, and the same table: the same save, with and without the index.
"""

from django.conf import settings
from django_elasticsearch_dsl import Document, fields
from django_elasticsearch_dsl.registries import registry

from readmodel.index.aliases import SETTINGS
from tickets.models import Ticket

# The status is declared: its class is unknown to the package, which would refuse the model for it.
FIELDS = [field.name for field in Ticket._meta.concrete_fields if field.name not in ("status", "replaces")]


class RefreshedTicket(Ticket):
    class Meta:
        proxy = True
        app_label = "tickets"


class UnrefreshedTicket(Ticket):
    class Meta:
        proxy = True
        app_label = "tickets"


@registry.register_document
class RefreshedDocument(Document):
    """As the package does it where nothing else is said: each save refreshes the index."""

    status = fields.KeywordField()

    class Index:
        name = f"dsl-refreshed-{settings.READMODEL_ALIAS}"
        settings = {"index": SETTINGS}

    class Django:
        model = RefreshedTicket
        fields = FIELDS


@registry.register_document
class UnrefreshedDocument(Document):
    status = fields.KeywordField()

    class Index:
        name = f"dsl-{settings.READMODEL_ALIAS}"
        settings = {"index": SETTINGS}

    class Django:
        model = UnrefreshedTicket
        fields = FIELDS
        auto_refresh = False


def make_indices() -> None:
    for document in (RefreshedDocument, UnrefreshedDocument):
        document.init()
