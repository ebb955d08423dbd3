"""Test the gate's page in a real browser: with a network, without one, and with one again."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from events.stream.interface import Stream
from tests.browser.visitor import PHONE, Visitor
from tests.tickets import issue
from tests.waiting import wait_until
from tickets.gate.signed_code import signed
from tickets.models import CheckIn, Passage, Ticket

CAMERA = """
const [picture, done] = [new Image(), arguments[1]];
picture.src = arguments[0];
picture.decode().then(() => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 800, height: 800});
    const draw = () => canvas.getContext("2d").drawImage(picture, 100, 50);
    setInterval(draw, 50);
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
}).then(done);
"""
"""Hold a picture before a camera that the computer does not have."""
FORGOTTEN = "indexeddb,cache_storage,service_workers"


@pytest.fixture
def tickets(visitor: Visitor, stream: Stream) -> Iterator[list[Ticket]]:
    """Four tickets of today, where the browser is, and the page with their list; all it keeps is forgotten at last."""
    tonight = [issue(starts_at=timezone.now(), time_zone="Europe/Berlin", seat=f"Seat {seat}") for seat in range(4)]
    visitor.resize(*PHONE)
    visitor.open("/gate/")
    visitor.find("[name=device]").send_keys("Door 3")
    visitor.click("#where button")
    visitor.sees(lambda page: page.text("#list").startswith("4 codes"))
    yield tonight
    visitor.chrome.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": visitor.url, "storageTypes": FORGOTTEN})


def test_an_evening_with_and_without_a_network(visitor: Visitor, tickets: list[Ticket]) -> None:
    first, second, third, elsewhere = tickets
    assert visitor.check_in(f" {first.code.lower()} ") == ("Let in", f"{first.title}, Seat 0")
    word, why = visitor.check_in(signed(first.code))
    assert (word, "Door 3" in why) == ("Already used", True)
    assert visitor.check_in("NOSUCH")[0] == "Not on the list"
    visitor.click("#undo")
    visitor.sees(lambda page: page.text("#answer .word") == "Check-in undone")
    assert Ticket.objects.get(id=first.id).status == "issued"
    visitor.sees(lambda page: page.chrome.execute_async_script("caches.match('/gate/').then(arguments[0])") is not None)

    visitor.cut_network(is_cut=True)
    try:
        began = timezone.now()
        visitor.open("/gate/")
        visitor.sees(lambda page: page.text("#list").startswith("4 codes"))
        answers = [visitor.check_in(text)[0] for text in (second.code, signed(third.code), elsewhere.code, second.code)]
        assert answers == ["Let in", "Let in", "Let in", "Already used"]
        visitor.sees(lambda page: page.text("#waiting") == "· 3 waiting to be sent")
        ended = timezone.now()
        Ticket.objects.get(id=elsewhere.id).check_in(Passage(device="Door 4", nonce="x"))
        visitor.open("/gate/")  # The queue outlives the page.
        visitor.sees(lambda page: page.text("#waiting") == "· 3 waiting to be sent")
    finally:
        visitor.cut_network(is_cut=False)

    visitor.sees(lambda page: page.text("#waiting") == "")
    wait_until(lambda: CheckIn.objects.filter(device="Door 3", undone_at=None).count() == 2)
    late = CheckIn.objects.filter(device="Door 3", undone_at=None)
    assert {check_in.ticket_id for check_in in late} == {second.id, third.id}
    assert all(began <= check_in.at <= ended <= check_in.recorded_at for check_in in late)
    [conflict] = visitor.texts("#conflicts li")
    assert (elsewhere.code in conflict, "Already used" in conflict, "Door 4" in conflict) == (True, True, True)


def test_what_the_server_has_said_counts_though_the_list_is_older(visitor: Visitor, tickets: list[Ticket]) -> None:
    """Nobody is let in a second time because the network was there for a moment only."""
    here, elsewhere, *_ = tickets
    Ticket.objects.get(id=elsewhere.id).check_in(Passage(device="Door 4", nonce="x"))
    assert visitor.check_in(elsewhere.code)[0] == "Already used"
    visitor.cut_network(is_cut=True)
    try:
        assert [visitor.check_in(ticket.code)[0] for ticket in (elsewhere, here)] == ["Already used", "Let in"]
        visitor.chrome.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/gate/codes/*"]})
        visitor.cut_network(is_cut=False)
        visitor.sees(lambda page: page.text("#waiting") == "")

        assert visitor.check_in(here.code)[0] == "Already used"
    finally:
        visitor.chrome.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        visitor.cut_network(is_cut=False)


def test_the_day_of_an_earlier_evening_is_not_kept(visitor: Visitor, tickets: list[Ticket]) -> None:
    visitor.chrome.execute_script("document.querySelector('[name=day]').value = '2026-01-01'")
    visitor.click("#where button")
    visitor.sees(lambda page: page.text("#list").startswith("0 codes"))

    visitor.open("/gate/")

    visitor.sees(lambda page: page.text("#list").startswith(f"{len(tickets)} codes"))


def test_the_page_is_accessible_and_fits_a_phone(visitor: Visitor, tickets: list[Ticket]) -> None:
    visitor.complaints()
    for text in (tickets[0].code, tickets[0].code, "NOSUCH"):
        visitor.check_in(text)

        assert visitor.violations() == [], text
        assert visitor.width == PHONE[0], text
    assert [text for text in visitor.complaints() if "Content Security Policy" in text] == []


def test_a_qr_code_is_read_by_the_camera(visitor: Visitor, tickets: list[Ticket]) -> None:
    visitor.chrome.execute_async_script(CAMERA, f"/api/tickets/{tickets[0].id}/ticket.png")

    visitor.click("#scan")

    visitor.sees(lambda page: page.text("#answer .word") == "Let in")
    assert Ticket.objects.get(id=tickets[0].id).status == "checked_in"
    visitor.click("#scan")
    visitor.sees(lambda page: not page.find("#camera").is_displayed())
