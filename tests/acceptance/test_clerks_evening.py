"""A clerk works for an evening in a real browser, on the service as `manage.py up` runs it, and never needs a shell."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from django.utils import timezone

from config.supervisord.ports import first_of, free_port
from config.up.running import METRICS_PORTS
from tests.acceptance.prometheus import PROMETHEUS, Prometheus, watching
from tests.acceptance.service import manage, up
from tests.browser.visitor import Visitor, opened_chrome
from tests.network.gate import SECRET, Gate, opened_gate, status
from tests.unit.config.metrics.queries import queries
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(600)

PASSWORD = "a clerk's evening"
CLERK = f"""
from django.contrib.auth.models import Group, User
clerk = User.objects.create_user("clerk", password={PASSWORD!r}, is_staff=True)
clerk.groups.set(Group.objects.filter(name__in=["box office", "gate", "operator"]))
"""
GALA = 1500


class Evening(NamedTuple):
    page: Visitor
    api: httpx.Client
    gate: Gate
    """The access system, which is told of canceled tickets."""
    data: Path
    token: str
    prometheus: Prometheus | None

    def ticket(self, **filters: str) -> dict[str, str]:
        [found] = self.api.get("/api/tickets/", params=filters).json()["results"]
        return found  # type: ignore[no-any-return]

    def count(self, **filters: str) -> int:
        """Return how many tickets the search finds."""
        return self.api.get("/api/search/tickets/", params=filters).json()["count"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    data, port = tmp_path_factory.mktemp("evening") / "data", free_port()
    with ExitStack() as stack:
        gate = stack.enter_context(opened_gate())
        told = {"ACCESS_SYSTEM_URL": gate.url, "ACCESS_SYSTEM_SECRETS": SECRET, "ACCESS_SYSTEM_ALLOW_PRIVATE": "true"}
        metrics = first_of(METRICS_PORTS.values())
        stack.enter_context(up(data, port, LOG_FORMAT="json", LOG_LEVEL="DEBUG", METRICS_PORT=str(metrics), **told))
        made = manage("shell", "-c", CLERK, DATA_DIR=data)
        assert made.returncode == 0, made.stderr
        token = manage("create_token", "clerk", "--name", "check", DATA_DIR=data).stdout.strip()
        assert token
        url = f"http://127.0.0.1:{port}"
        api = stack.enter_context(httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30))
        chrome = stack.enter_context(opened_chrome())
        prometheus = stack.enter_context(watched(data, port, metrics)) if PROMETHEUS else None
        yield Evening(Visitor(chrome, url), api, gate, data, token, prometheus)


def watched(data: Path, port: int, metrics: int) -> AbstractContextManager[Prometheus]:
    made = manage("create_token", "admin", "--name", "prometheus", "--scope", "metrics:read", DATA_DIR=data)
    others = {program: metrics + distance for program, distance in METRICS_PORTS.items()}
    return watching(data.parent / "prometheus", web=port, token=made.stdout.strip(), others=others)


def spreadsheet(folder: Path) -> Path:
    """Write a file as a German Excel saves it: 1,500 tickets of a gala, and three of tonight."""
    tonight = (timezone.now() + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%MZ")
    lines = ["code;title;venue;starts_at;seat;holder_name;holder_email;price;currency;status"]
    for number in range(GALA):
        person = "Ada Lovelace;ada@example.org" if number == 7 else f"Gast {number};gast{number}@example.org"
        lines.append(f";Große Gala;Oper;2031-05-01T20:00Z;Platz {number};{person};25,50;EUR;issued")
    lines += [
        f"TONIGHT{row};Spätvorstellung;Kino;{tonight};Reihe {row};Eva;eva@example.org;9,00;EUR;issued" for row in "234"
    ]
    file = folder / "Gala.csv"
    file.write_bytes("\r\n".join([*lines, ";" * 9, ""]).encode("cp1252"))
    return file


def test_a_clerk_s_evening(evening: Evening, tmp_path: Path) -> None:
    page = evening.page
    log_in(page)
    import_the_file(page, spreadsheet(tmp_path))
    ada = find_and_correct(evening)
    replacement = cancel_and_see_the_replacement(evening, ada)
    retry_the_dead_letter(evening, ada["id"])
    cancel_the_gala(evening)
    export(evening)
    let_people_in(evening)
    forget(evening, replacement)
    nothing_private_is_logged(evening)
    if evening.prometheus:
        all_of_it_is_on_the_dashboards(evening.prometheus)


def log_in(page: Visitor) -> None:
    page.open("/log-in/?next=/admin/tickets/ticket/import/")
    page.find("[name=username]").send_keys("clerk")
    page.find("[name=password]").send_keys(PASSWORD)
    page.click("main button")
    page.sees(lambda page: page.path == "/admin/tickets/ticket/import/")


def import_the_file(page: Visitor, file: Path) -> None:
    page.find("[name=file]").send_keys(str(file))
    page.click("[name=check]")
    page.sees(lambda page: "1503" in page.text(".admin-notice.good"))
    assert "Große Gala, Oper" in page.text("body")
    page.click("button[name=confirmed]")
    page.sees(lambda page: page.texts("#job-progress .admin-badge.good"))


def find_and_correct(evening: Evening) -> dict[str, str]:
    page = evening.page
    page.open("/")
    page.retype("lovelace gala")
    page.press("\n")
    page.sees(lambda page: "Lovelace" in page.text(".ticket"))
    page.click(".ticket .title")
    page.click("#correct")
    page.find("[name=holder_name]").send_keys(", Countess")
    page.click(".change button")
    page.sees(lambda page: "Ada Lovelace, Countess" in page.texts(".facts dd"))
    return evening.ticket(holder_email="ada@example.org")


def cancel_and_see_the_replacement(evening: Evening, ada: dict[str, str]) -> str:
    page = evening.page
    evening.gate.answer = status(400)  # The access system refuses all messages for now.
    page.click("#cancel")
    page.find("[name=reason]").send_keys("Wrong seat")
    page.click(".change button")
    page.click("#replacement")
    page.sees(lambda page: page.text("#replaced") == ada["code"])
    return page.text(".facts .code")


def retry_the_dead_letter(evening: Evening, canceled: str) -> None:
    page = evening.page

    def has_letter(page: Visitor) -> bool:
        page.open("/admin/operations/")
        return "Retry" in page.texts(".admin-button")

    wait_until(lambda: has_letter(page), within_seconds=60)
    evening.gate.answer = status(204)
    evening.gate.calls.clear()
    page.click("a[href*='/retry/']")
    page.click(".admin-buttons button.main")
    wait_until(lambda: canceled in [str(ticket) for ticket in evening.gate.tickets], within_seconds=60)


def cancel_the_gala(evening: Evening) -> None:
    page = evening.page
    page.open("/admin/tickets/ticket/?q=Gala&status__exact=issued")
    page.click("#action-toggle")
    page.click(".question a")
    page.chrome.execute_script("document.querySelector('select[name=action]').value = 'cancel_selected'")
    page.chrome.execute_script(
        "document.querySelector('select[name=action]').dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.click("button[name=index]")
    page.sees(lambda page: page.text("h2.admin-heading") == f"Cancel {GALA} tickets?")
    page.find("[name=reason]").send_keys("The singer is ill")
    page.click("[name=replace]")  # Nobody gets another ticket.
    page.click(".admin-button.danger")
    wait_until(lambda: page.texts("#job-progress .admin-badge.good"), within_seconds=240)
    assert f"{GALA} done, 0 refused, of {GALA}." in page.text("#job-progress")
    wait_until(lambda: evening.count(q="Gala", status="canceled") == GALA + 1, within_seconds=60)


def export(evening: Evening) -> None:
    page = evening.page
    cookies = {cookie["name"]: cookie["value"] for cookie in page.chrome.get_cookies()}
    page.open("/admin/tickets/ticket/?q=Gala")
    [address] = {
        link.get_attribute("href") for link in page.chrome.find_elements("css selector", "a[href*='export.csv']")
    }
    answer = httpx.get(address, cookies=cookies, timeout=60)
    assert answer.status_code == HTTPStatus.OK
    assert len(answer.content.decode("utf-8-sig").splitlines()) == GALA + 2


def let_people_in(evening: Evening) -> None:
    page = evening.page
    page.open("/gate/")
    page.find("[name=device]").send_keys("Door 3")
    # In the half hour before midnight, tonight is tomorrow; and the browser is in another time zone than the cinema.
    day = evening.ticket(code="TONIGHT2")["starts_at"][:10]
    page.chrome.execute_script("document.querySelector('[name=day]').value = arguments[0]", day)
    page.click("#where button")
    page.sees(lambda page: page.text("#list").startswith("3 codes"))
    assert page.check_in("tonight2")[0] == "Let in"
    page.sees(lambda page: page.chrome.execute_async_script("caches.match('/gate/').then(arguments[0])") is not None)
    page.cut_network(is_cut=True)
    page.open("/gate/")
    page.sees(lambda page: page.text("#list").startswith("3 codes"))
    assert [page.check_in(code)[0] for code in ("TONIGHT3", "TONIGHT2", "TONIGHT3")] == [
        "Let in",
        "Already used",
        "Already used",
    ]
    page.cut_network(is_cut=False)
    wait_until(lambda: evening.ticket(code="TONIGHT3")["status"] == "checked_in", within_seconds=60)
    assert evening.ticket(code="TONIGHT4")["status"] == "issued"


def forget(evening: Evening, code: str) -> None:
    page = evening.page
    assert evening.count(q="lovelace") > 0
    page.open("/admin/forgetting/")
    page.find("[name=person]").send_keys("ada@example.org")
    page.click(".admin-button.main")
    page.click(".admin-button.danger")
    page.sees(lambda page: page.path != "/admin/forgetting/" or "forgotten" in page.text("main, #content").lower())
    wait_until(lambda: evening.count(q="lovelace") == 0, within_seconds=60)
    assert "Lovelace" not in evening.api.get("/api/tickets/", params={"code": code}).text


def nothing_private_is_logged(evening: Evening) -> None:
    cookies = [cookie["value"] for cookie in evening.page.chrome.get_cookies()]
    urls = [line.partition("=")[2].strip("'") for line in (evening.data / "env").read_text().splitlines()]
    passwords = [found for url in urls if (found := urlsplit(url).password)]
    keys = [(evening.data / "secret_key").read_text(), SECRET.removeprefix("whsec_"), evening.token]
    typed = ["ovelace", "ada@example", "ada%40example", "Gast 8", "Gast%208", "gast8@", "eva@", PASSWORD]
    private = [text for text in (*typed, *keys, *passwords, *cookies) if len(text) > len("eva")]
    logs = {file.name: file.read_text(errors="replace") for file in (evening.data / "log").iterdir()}
    assert len(passwords) > 1
    assert [(name, text) for name, log in logs.items() for text in private if text in log] == []
    ours = ("web", "relay-1", "readmodel-1", "access-1", "worker-1")
    records = [json.loads(line) for name in ours for line in logs[f"{name}.log"].splitlines()]
    verbs = {"stored", "flushed", "appended", "projected", "told", "consumed"}
    assert {record["verb"] for record in records if "verb" in record} == verbs
    assert {"_granian", "security", "config.web.requests.access_log"} <= {record["logger"] for record in records}


def all_of_it_is_on_the_dashboards(prometheus: Prometheus) -> None:
    """Ask what the panels and the alerts ask; an alert that does not fire has no answer."""
    asked = {query: prometheus.ask(query) for _, query in queries()}
    shown = {query: found for query, found in asked.items() if "$__rate_interval" in query}

    assert len(shown) > 50
    assert [query for query, found in shown.items() if not found] == []
    # A clerk's browser sends no consistency token, so no read waits.
    measured = {query: found for query, found in shown.items() if "consistent" not in query}
    assert [query for query, found in measured.items() if all(one["value"][1] == "NaN" for one in found)] == []
