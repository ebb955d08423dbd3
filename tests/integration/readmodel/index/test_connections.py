"""Connect to Elasticsearch in the ways that ELASTICSEARCH_URL offers; name what the server refuses."""

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from elasticsearch import Elasticsearch

from events.exceptions import RetryLater
from events.operations.doctor.groups import check_target
from readmodel.exceptions import SearchRefused
from readmodel.index import cluster
from readmodel.index.client import open_client
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.tickets.documents import TicketDocuments
from tests.network.search_server import answering
from tests.network.tls_proxy import running_tls_proxy

LOOPBACK = "127.0.0.1"
NOBODY_LISTENS = f"{LOOPBACK}:1"


@pytest.fixture
def port(settings: Any) -> int:
    found = urlsplit(settings.ELASTICSEARCH_URL).port
    assert found
    return found


@pytest.fixture
def account(settings: Any) -> str:
    """The user and password that the server demands, as they begin the address in a URL."""
    account, at, _ = urlsplit(settings.ELASTICSEARCH_URL).netloc.rpartition("@")
    return account + at


def test_while_one_node_answers_every_request_succeeds(
    elasticsearch: Elasticsearch, settings: Any, port: int, account: str
) -> None:
    settings.ELASTICSEARCH_URL = f"http://{account}{NOBODY_LISTENS},{LOOPBACK}:{port},{LOOPBACK}:2"
    index = connect(TicketDocuments)

    targets = {index.indices.ensure() for _ in range(5)}

    assert [target.name for target in targets] == [f"{settings.READMODEL_ALIAS}-000001"]
    index.close()


def test_a_certificate_is_checked_against_the_authority_of_the_url(
    elasticsearch: Elasticsearch, settings: Any, port: int, account: str, tmp_path: Path
) -> None:
    authority, context = trustme.CA(), SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))

    with running_tls_proxy(port, context) as encrypted:
        for file, is_trusted in (("ca.pem", True), ("other.pem", False)):
            index = DocumentIndex(
                open_client(f"https://{account}{LOOPBACK}:{encrypted}?ca_certs={tmp_path / file}"), TicketDocuments()
            )
            if is_trusted:
                assert index.indices.ensure().name == f"{settings.READMODEL_ALIAS}-000001"
            else:
                with pytest.raises(RetryLater, match="CERTIFICATE_VERIFY_FAILED"):
                    index.indices.ensure()
            index.close()


def test_a_prefix_and_an_api_key_are_sent_with_every_request() -> None:
    with answering() as server:
        index = DocumentIndex(
            open_client(f"http://{LOOPBACK}:{server.server_port}/es/?api_key=bGs6Kys/Lw=="), TicketDocuments()
        )

        index.search({"query": {"match_all": {}}})

    [(path, authorization)] = server.asked
    assert path.startswith(f"/es/{TicketDocuments().alias}/_search")
    assert authorization == "ApiKey bGs6Kys/Lw=="
    index.close()


def test_a_search_that_the_cluster_does_not_allow_names_its_setting() -> None:
    with answering(refuses=True) as server:
        index = DocumentIndex(open_client(f"http://{LOOPBACK}:{server.server_port}"), TicketDocuments())

        with pytest.raises(SearchRefused, match=r"an operator must set search\.allow_expensive_queries to true"):
            index.search({"query": {"prefix": {"code": "x"}}})
        with pytest.raises(SearchRefused):
            index.search_many([{"query": {"prefix": {"code": "x"}}}])
    index.close()


@pytest.mark.parametrize(("refuses", "expected"), [(True, 1), (False, 0)])
def test_doctor_names_the_setting_by_which_a_cluster_refuses_searches(refuses: bool, expected: int) -> None:  # noqa: FBT001
    with answering(refuses=refuses) as server:
        found = list(cluster.examine(open_client(f"http://{LOOPBACK}:{server.server_port}")))

    assert len(found) == expected
    assert all("search.allow_expensive_queries is false" in fault for fault, _ in found)


def test_doctor_names_a_url_that_is_wrong(settings: Any) -> None:
    settings.ELASTICSEARCH_URL = "https://u:hunter2@host?ca_cert=/x"
    settings.EVENTS_SUBSCRIBERS = {"readmodel": "readmodel.subscriber.ReadModel"}

    [finding] = check_target("readmodel")

    assert "'ca_cert' is not an option" in finding.found
    assert "hunter2" not in finding.found
