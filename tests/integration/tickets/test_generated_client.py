"""A typed client that is generated from the OpenAPI document issues, corrects, cancels and finds tickets."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any

import httpx
import pytest
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator

from tests.rest import client_with_all

NAME = "generated_client"
CONFIGURATION = """
post_hooks: []
content_type_overrides:
  application/pdf: application/octet-stream
  image/png: application/octet-stream
"""
"""The generator knows files by one type alone."""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    (folder / "schema.json").write_text(json.dumps(document, default=str))
    (folder / "config.yaml").write_text(CONFIGURATION)
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
        *("--path", "schema.json", "--config", "config.yaml", "--output-path", NAME),
    ]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module(NAME)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == NAME]:
        del sys.modules[name]


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_issues_cancels_and_finds_a_ticket(generated: ModuleType) -> None:
    def module(path: str) -> Any:
        return importlib.import_module(f"{NAME}.{path}")

    models, token = module("models"), client_with_all()._credentials["HTTP_AUTHORIZATION"].split()[1]
    transport = httpx.WSGITransport(app=get_wsgi_application())
    client = generated.AuthenticatedClient("http://testserver", token, httpx_args={"transport": transport})
    wanted = models.TicketRequest(
        title="Tosca",
        venue="Opera",
        starts_at=datetime.fromisoformat("2027-05-01T20:00:00+02:00"),
        holder_name="Ada",
        holder_email="ada@example.org",
        price="25.00",
        currency="EUR",
    )

    issued = module("api.tickets.issue_tickets").sync(client=client, body=wanted, idempotency_key="1")
    again = module("api.tickets.issue_tickets").sync(client=client, body=wanted, idempotency_key="1")
    corrected = module("api.tickets.correct_ticket").sync(
        issued.id, client=client, body=models.CorrectionRequest(holder_name="Grace"), if_match=f'"{issued.version}"'
    )
    answer = module("api.tickets.cancel_ticket").sync(
        issued.id, client=client, body=models.CancelRequest(reason="sold", holder_name="Alan")
    )
    page = module("api.tickets.list_tickets").sync(client=client, code=answer.replacement.code.lower())
    shown = module("api.tickets.show_ticket").sync(
        issued.id, client=client, expand=[models.ShowTicketExpandItem.REPLACEMENT]
    )
    refused = module("api.tickets.cancel_ticket").sync(issued.id, client=client, body=models.CancelRequest())

    assert (issued, corrected.holder_name) == (again, "Grace")
    assert issued.starts_at.utcoffset() is not None
    assert (answer.canceled.status, answer.replacement.holder_name) == ("canceled", "Alan")
    [found] = page.results
    assert (found.id, found.replaces, page.has_more) == (answer.replacement.id, issued.id, False)
    assert shown.replacement == found
    assert (refused.status, refused.type_) == (409, "urn:problem:transition-refused")
