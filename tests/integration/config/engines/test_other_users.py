"""Test that the embedded servers refuse whoever does not know their passwords, and give the service few rights."""

from urllib.parse import urlsplit

import httpx
import pytest
import redis
from django.conf import settings
from django.db import connection
from elasticsearch import Elasticsearch

from tests.network.proxy import with_account


def without_account(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}"


@pytest.mark.parametrize("account", ["", "tickets:guess@", "elastic:changeme@"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/_cluster/health"), ("POST", "/_search"), ("DELETE", "/*")])
def test_elasticsearch_answers_no_request_without_the_password(account: str, method: str, path: str) -> None:
    url = without_account(settings.ELASTICSEARCH_URL).replace("//", f"//{account}")

    # A page that a browser was lured to would send this Host, with its name bound to this machine.
    answer = httpx.request(method, url + path, headers={"Host": "evil.example"}, trust_env=False)

    assert answer.status_code == 401
    assert "set ELASTICSEARCH_URL with user and password" in answer.text


def test_elasticsearch_has_no_port_for_other_nodes(elasticsearch: Elasticsearch) -> None:
    nodes = elasticsearch.nodes.info(metric="transport")["nodes"]

    assert [node["transport"]["bound_address"] for node in nodes.values()] == [["127.0.0.1:1"]]


@pytest.mark.parametrize("account", ["", "tickets:guess", "default:"])
def test_valkey_answers_no_command_without_a_password(account: str) -> None:
    url = without_account(settings.EVENTS_STREAM_URL)
    client = redis.Redis.from_url(with_account(url, account) if account else url)

    with client, pytest.raises(redis.exceptions.AuthenticationError):
        client.ping()


@pytest.mark.django_db
def test_the_service_is_no_superuser_of_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchall() == [(False, False, False)]
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER') AND NOT rolcanlogin"
        )
        assert cursor.fetchall() == [("pg_database_owner",)]
