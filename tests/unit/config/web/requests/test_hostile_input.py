"""Any bytes in a request's address, headers, cookies and body are answered with a 4xx, and change nothing."""

import json
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.db import DataError
from django.db.transaction import non_atomic_requests as without_database
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts.models import Token
from config.asgi import application
from config.web.answers.error_pages import UnstorableValueMiddleware
from events.models import DeadLetter
from tests.tickets import issue, recorded, rows
from tests.waiting import PATIENCE_SECONDS

TICKETS = "/api/tickets/"
PROBLEM = "application/problem+json"
FORM = "application/x-www-form-urlencoded"
TICKET = {
    "title": "Night",
    "venue": "Arena",
    "starts_at": "2027-05-01T20:00:00Z",
    "holder_name": "Ada",
    "holder_email": "ada@example.org",
    "price": "25.00",
    "currency": "EUR",
}
DIGITS = "9" * 5_000
DEEP = "[" * 20_000


def ticket_with(field: str, value: str) -> str:
    """Return the JSON of a ticket whose field has this JSON."""
    return json.dumps(TICKET | {field: "VALUE"}).replace('"VALUE"', value)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def api(root: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.issue(user=root, name='of a test').text}")
    return client


@pytest.fixture
def browser(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture(autouse=True)
def _nothing_changes(db: None) -> Iterator[None]:
    issue()
    before = rows(), recorded()
    yield
    assert (rows(), recorded()) == before


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("statsu=canceled", "statsu"),
        ("status=", "status"),
        ("code=", "code"),
        ("status=issued&status=canceled", "status"),
        ("page_size=1000", "page_size"),
        ("page_size=null", "page_size"),
        ("page_size=10&page_size=null", "page_size"),
        (f"page_size={DIGITS}", "page_size"),
        ("page=", "page"),
        ("page=-1", "page"),
        ("page=last", "page"),
        ("page=%D9%A3", "page"),
        (f"page={DIGITS}", "page"),
        ("ordering=holder_email", "ordering"),
        ("code=%00", "code"),
        ("code=%FF", "code"),
        ("code=%ED%A0%80", "code"),
        ("co%00de=a", "co?de"),
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_wrong_parameter_of_the_api_is_refused_by_name(api: APIClient, method: str, query: str, name: str) -> None:
    response = getattr(api, method)(f"{TICKETS}?{query}")

    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)
    if method == "get":
        assert response.json()["errors"].keys() == {name}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (DEEP, "nested too deeply"),
        ('{"a":' * 20_000, "nested too deeply"),
        (ticket_with("price", DIGITS), "too many digits"),
        (ticket_with("price", "1e999"), "too large"),
        (ticket_with("price", "NaN"), "no number NaN"),
        (ticket_with("price", "-Infinity"), "no number -Infinity"),
        (ticket_with("price", '"1e999999999"'), "price"),
        (ticket_with("price", "true"), "price"),
        (ticket_with("title", '"a\\u0000b"'), "title"),
        (ticket_with("title", '"a\\ud800b"'), "title"),
        (ticket_with("title", '["a"]'), "title"),
        (ticket_with("title", '"a", "title": "b"'), '"title\\" more than once'),
        (ticket_with("titel", '"a"'), "titel"),
        (ticket_with("id", '"a"'), "The service sets this field"),
        (ticket_with("starts_at", '"0001-01-01T00:00:00+14:00"'), "starts_at"),
        (ticket_with("starts_at", '"9999-12-31T23:59:59-14:00"'), "starts_at"),
        (ticket_with("starts_at", DIGITS[:400]), "starts_at"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'\xef\xbb\xbf{"title": "a"}', "not JSON"),
        (b'{"title": "\xff"}', "not UTF-8"),
        ("", ""),
        ("null", ""),
        ("[]", ""),
        ('"a"', ""),
    ],
)
def test_a_wrong_body_of_the_api_is_refused(api: APIClient, body: str | bytes, said: str) -> None:
    response = api.generic("POST", TICKETS, body, content_type="application/json")

    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)
    assert said in response.text


@pytest.mark.parametrize(
    "path", ["tickets/", "tickets/bulk/", "tickets/{}/cancel/", "tickets/{}/check-in/", "check-ins/"]
)
@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("null", "non_field_errors"),
        ('{"\\ud800": 1}', "?"),
        ('[{"nonce": "a\\udfff"}]', "0.nonce"),
        ('{"action": ["\\ud83d\\ude00", {"a": "\\ude00\\ud83d"}]}', "action.1.a"),
        ('"\\ud800"', "non_field_errors"),
    ],
)
def test_no_body_and_half_of_a_character_are_refused_by_name(api: APIClient, path: str, body: str, name: str) -> None:
    [ticket_id, *_], *_ = rows()

    response = api.generic("POST", f"/api/{path.format(ticket_id)}", body, content_type="application/json")

    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)
    assert response.json()["errors"].keys() == {name}


@pytest.mark.parametrize("action", ["cancel", "check-in"])
@pytest.mark.parametrize("body", ['{"raison": "rain"}', "[]", "7", "{", DEEP])
def test_a_wrong_body_of_an_action_is_refused(api: APIClient, action: str, body: str) -> None:
    [ticket_id, *_], *_ = rows()

    response = api.generic("POST", f"{TICKETS}{ticket_id}/{action}/", body, content_type="application/json")

    assert (response.status_code, response.headers["Content-Type"]) == (400, PROBLEM)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=\xff"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 400),
        ({"Content-Type": "application/json; charset=idna"}, 400),
        ({"Content-Type": "\xff/\xff; charset=base64"}, 400),
        ({"Content-Type": "; ; ="}, 415),
        ({"Accept": "text/html"}, 406),
        ({"Accept": "\xff;q=\xff"}, 406),
        ({"Cookie": 'sessionid="abcdefgh\\000"'}, 400),
        ({"X-Request-ID": "a\0b"}, 400),
    ],
)
def test_a_wrong_header_of_the_api_is_refused(api: APIClient, headers: dict[str, str], status: int) -> None:
    response = api.generic(
        "POST", TICKETS, "{}", headers=headers, content_type=headers.get("Content-Type", "application/json")
    )

    assert (response.status_code, response.headers["Content-Type"]) == (status, PROBLEM)


@pytest.mark.parametrize("value", ["", ",", "1", "\xff", '"1', "'1'"])
@pytest.mark.parametrize("action", ["cancel", "check-in"])
def test_an_if_match_without_an_etag_is_refused_by_name(api: APIClient, action: str, value: str) -> None:
    [ticket_id, *_], *_ = rows()

    response = api.post(f"{TICKETS}{ticket_id}/{action}/", headers={"If-Match": value})

    assert response.status_code == 400
    assert response.json()["errors"].keys() == {"If-Match"}


def test_a_missing_slash_keeps_method_and_body(api: APIClient) -> None:
    response = api.post("/api/tickets", TICKET, format="json")

    assert (response.status_code, response.headers["Location"]) == (308, TICKETS)


ADMIN = "/admin/tickets/ticket/"
LETTERS = "/admin/events/deadletter/"


@pytest.mark.parametrize(
    "address",
    [
        "/?price=abc&price=",
        "/?price=&price=abc",
        "/?month=abc&month=",
        "/?month=2027-13",
        "/?month=0000-01",
        "/?sort=&sort=price",
        "/?q=a&q=",
        f"/?page={'9' * 5_000}",
        "/?page=1&page=2",
        "/?q=%00",
        "/?%00=a",
        "/?q=%FF",
        "/?q=%ED%A0%80",
        "/lookup/?code=%00",
        "/freshness/?a=%00",
        "/%00",
        "/healthz?%00",
        f"{ADMIN}?status__exact=%00",
        f"{ADMIN}?q=%00",
        f"{ADMIN}?o=%00",
        f"{ADMIN}?_popup=%00",
        f"{LETTERS}?state=%00",
        f"{LETTERS}?_changelist_filters=%00",
        "/?" + "&".join(f"a{number}=1" for number in range(1_001)),
    ],
)
def test_a_wrong_parameter_of_a_page_is_refused_by_a_page(browser: Client, address: str) -> None:
    response = browser.get(address)

    assert (response.status_code, response.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "<h1>" in response.text or "<h2>" in response.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("title=%00", FORM),
        ("title=%FF", FORM),
        ("ti%00tle=a", FORM),
        ("title=a", f"{FORM}; charset=utf-16"),
        ("title=a", f"{FORM}; charset=idna"),
        ("&".join(f"a{number}=1" for number in range(1_001)), FORM),
        ("a", "multipart/form-data"),
        ("a", "multipart/form-data; boundary="),
        ("a", "multipart/form-data; boundary=\xff"),
        ("--a\r\nContent-Disposition: form-data; name=title\r\n\r\n\0\r\n--a--\r\n", "multipart/form-data; boundary=a"),
        (
            "".join(f"--a\r\nContent-Disposition: form-data; name=f{n}; filename=f\r\n\r\nb\r\n" for n in range(101))
            + "--a--\r\n",
            "multipart/form-data; boundary=a",
        ),
    ],
)
def test_a_wrong_form_is_refused_by_a_page(browser: Client, body: str, content_type: str) -> None:
    response = browser.generic("POST", f"{ADMIN}add/", body, content_type=content_type)

    assert (response.status_code, response.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize("ids", [["abc"], [DIGITS], ["-1"], [""], [], ["1", "abc"], ["99999999999999999999"], ["1.5"]])
@pytest.mark.parametrize("action", ["retry_selected", "discard_selected", "unknown", ""])
def test_an_action_on_ids_that_are_none_fails_nowhere(browser: Client, action: str, ids: list[str]) -> None:
    letter = DeadLetter.objects.create(
        group="access", partition=0, entry_id="1-0", error_type="E", error="x", fields={}
    )

    response = browser.post(LETTERS, {"action": action, "_selected_action": ids, "reason": "x", "up_to": DIGITS})

    assert response.status_code in {200, 302, 400}
    assert DeadLetter.objects.get(id=letter.id).state == letter.state


@pytest.mark.parametrize("up_to", ["", "abc", DIGITS, "9" * 19, "-1", "1e9"])
def test_a_wrong_bound_discards_nothing_or_what_was_seen(browser: Client, up_to: str) -> None:
    letter = DeadLetter.objects.create(
        group="access", partition=0, entry_id="1-0", error_type="E", error="x", fields={}
    )

    response = browser.post(
        LETTERS, {"action": "discard_selected", "_selected_action": [letter.id], "reason": "x", "up_to": up_to}
    )

    assert response.status_code in {200, 302}


@pytest.mark.parametrize("query", ["starts_at=abc", "starts_at=%0A", "price=NaN", "starts_at=2027-05-01&starts_at=x"])
def test_a_link_can_not_fill_in_the_form_of_a_new_ticket(browser: Client, query: str) -> None:
    response = browser.get(f"{ADMIN}add/?{query}")

    assert response.status_code == 200
    assert "abc" not in response.text


@pytest.mark.parametrize(("address", "content_type"), [("/api/x", PROBLEM), ("/x", "text/html; charset=utf-8")])
@pytest.mark.parametrize("error", [DataError("out of range"), OverflowError("too large")])
def test_a_value_that_only_the_database_refuses_is_a_bad_request_and_logged(
    address: str, content_type: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    response = UnstorableValueMiddleware(view).process_exception(RequestFactory().get(address), error)

    assert response is not None
    assert (response.status_code, response.headers["Content-Type"]) == (400, content_type)
    assert "which refused it" in caplog.text


async def answer_to(body: list[bytes], **changes: object) -> tuple[int, str]:
    """Send a request to the ASGI application, in chunks and without a length; return the status and the body."""
    scope = {"type": "http", "method": "POST", "path": "/api/chunks", "query_string": b"", "headers": [], **changes}
    scope["headers"] += [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]  # type: ignore[operator]
    server = ApplicationCommunicator(application, scope)
    for number, chunk in enumerate(body, start=1):
        await server.send_input({"type": "http.request", "body": chunk, "more_body": number < len(body)})
    start = await server.receive_output(timeout=PATIENCE_SECONDS)
    return start["status"], (await server.receive_output(timeout=PATIENCE_SECONDS))["body"].decode()


class Echo(APIView):
    permission_classes = []

    def post(self, request: Request) -> Response:
        return Response(request.data)


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST["title"])


urlpatterns = [
    path("api/chunks", without_database(Echo.as_view())),
    path("chunks", csrf_exempt(without_database(form))),
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "content_type", "chunks"),
    [
        ("/api/chunks", b"application/json", [b'{"tit', b'le": "Ni', b'ght"}']),
        ("/chunks", FORM.encode(), [b"title=", b"Night"]),
        (
            "/chunks",
            b"multipart/form-data; boundary=a",
            [b"--a\r\nContent-Disposition: form-data; ", b"name=title\r\n\r\nNight\r\n--a--\r\n"],
        ),
    ],
)
def test_a_body_in_chunks_is_read(address: str, content_type: bytes, chunks: list[bytes]) -> None:
    status, body = async_to_sync(answer_to)(chunks, path=address, headers=[(b"content-type", content_type)])

    assert (status, "Night" in body) == (200, True)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("query", [b"\xff", b"a=\xc3\x28", b"%FF"])
def test_a_query_of_raw_bytes_is_refused_as_a_problem(query: bytes) -> None:
    status, body = async_to_sync(answer_to)([b"{}"], query_string=query)

    assert (status, "bytes that are not UTF-8" in body) == (400, True)
