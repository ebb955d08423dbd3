"""Tickets that django-elasticsearch-dsl writes into Elasticsearch when they are saved; imported after Django's setup.

Each proxy model has its own signals and the same table, so the same save can be measured with and without a refresh.
"""

from django.conf import settings
from django_elasticsearch_dsl import Document, fields
from django_elasticsearch_dsl.registries import registry

from readmodel.index.template import SETTINGS
from tickets.models import Ticket

# The package refuses a model with a field of a class that it does not know, so the status is declared by hand.
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
    """The package's default: each save refreshes the index."""

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
