"""Compare the read model with the tickets' table."""

from elasticsearch import Elasticsearch

from tickets.models import Ticket


def assert_the_read_model_equals_the_tickets(elasticsearch: Elasticsearch, alias: str) -> None:
    elasticsearch.indices.refresh(index=alias)
    hits = elasticsearch.search(index=alias, size=10_000, source=["status", "version", "code"])["hits"]["hits"]
    found = {hit["_id"]: (hit["_source"]["code"], hit["_source"]["status"], hit["_source"]["version"]) for hit in hits}
    truth = Ticket.objects.values_list("id", "code", "status", "version")
    assert found == {str(ticket): (code, status, version) for ticket, code, status, version in truth}
