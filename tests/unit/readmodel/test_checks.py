"""Invalid settings of the read model are reported when a process starts."""

from typing import Any

import pytest
from django.core.checks import run_checks

from events.envelope import Envelope
from events.event import Event
from readmodel.projection import Projection
from tests.things import ThingMade, ThingMoved
from tickets.events import TicketIssued

pytestmark = pytest.mark.django_db  # Django's own checks ask SQLite whether it supports JSON.


def ids() -> list[str | None]:
    return [message.id for message in run_checks() if str(message.id).startswith("readmodel.")]


@pytest.mark.parametrize(
    "url", ["http://localhost:9200", "https://user:p%40ss@search.example.org", "http://[::1]:9200/es"]
)
def test_the_url_of_a_server_passes(settings: Any, url: str) -> None:
    settings.ELASTICSEARCH_URL = url

    assert ids() == []


@pytest.mark.parametrize("url", ["", "localhost:9200", "http://", "http://user:secret@host:port"])
def test_a_url_without_a_server_is_an_error(settings: Any, url: str) -> None:
    settings.ELASTICSEARCH_URL = url

    assert ids() == ["readmodel.E001"]
    assert "secret" not in str(run_checks())


@pytest.mark.parametrize("alias", ["", "Tickets", "-tickets", "tickets*", "tick,ets", "x" * 201])
def test_an_alias_that_elasticsearch_refuses_is_an_error(settings: Any, alias: str) -> None:
    settings.READMODEL_ALIAS = alias

    assert ids() == ["readmodel.E002"]


def test_a_negative_number_of_audited_documents_is_an_error(settings: Any) -> None:
    settings.READMODEL_AUDIT_PER_SECOND = -1

    assert ids() == ["readmodel.E003"]


@pytest.mark.parametrize(("name", "value"), [("READMODEL_SHARDS", 0), ("READMODEL_REPLICAS", -1)])
def test_fewer_shards_than_one_or_replicas_than_none_are_an_error(settings: Any, name: str, value: int) -> None:
    setattr(settings, name, value)

    assert ids() == ["readmodel.E011"]


def test_a_process_in_which_no_request_may_wait_is_an_error(settings: Any) -> None:
    settings.READMODEL_MAX_WAITING = 0

    assert ids() == ["readmodel.E010"]


class Fitting(Projection):
    name = "things"
    handles = (ThingMade, ThingMoved)
    mapping = {"id": {"type": "keyword"}, "version": {"type": "long"}}

    def document(self, event: ThingMade, envelope: Envelope) -> None:
        """Hide everything."""


class Unregistered(Event, frozen=True, kw_only=True):
    pass


def errors_of(settings: Any, monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> list[str]:
    """Return the errors of a projection that differs in some attributes from a valid one."""
    monkeypatch.setattr(
        f"{__name__}.Changed", type("Changed", (Fitting,), {"__module__": __name__} | attributes), raising=False
    )
    settings.READMODEL_PROJECTIONS = [f"{__name__}.Changed"]
    return [f"{message.id} {message.msg}" for message in run_checks() if str(message.id).startswith("readmodel.")]


def test_a_projection_of_all_events_of_one_aggregate_type_passes(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert errors_of(settings, monkeypatch) == []


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"handles": (ThingMade,)}, "E006 {}.handles lacks thing.moved"),
        ({"handles": ()}, "E006 {}.handles must be of one aggregate type, not of none"),
        (
            {"handles": (ThingMade, ThingMoved, TicketIssued)},
            "E006 {}.handles must be of one aggregate type, not of thing, ticket",
        ),
        ({"handles": (Unregistered,)}, "E006 {}.handles: Unregistered is not registered"),
        ({"name": "Things of 2027"}, "E005 {}.name can't be 'Things of 2027'"),
        ({"mapping": {"version": {"type": "long"}}}, "E007 {}.mapping has no keyword 'id'"),
        ({"id_field": "thing"}, "E007 {}.mapping has no keyword 'thing'"),
        ({"mapping": {"id": {"type": "keyword"}}}, "E007 {}.mapping has no long 'version'"),
        ({"is_per_event": True, "subject_field": "thing"}, "E007 {}.mapping has no 'thing'"),
    ],
)
def test_a_projection_that_can_not_work_is_an_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any], said: str
) -> None:
    [error] = errors_of(settings, monkeypatch, **attributes)

    assert error.startswith(f"readmodel.{said.format(f'{__name__}.Changed')}")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["tests.nowhere.Things"], "E004 READMODEL_PROJECTIONS: No module named 'tests.nowhere'"),
        ([f"{__name__}.ids"], f"E004 READMODEL_PROJECTIONS: {__name__}.ids is not a Projection with"),
        (["readmodel.projection.Projection"], "E004 READMODEL_PROJECTIONS: readmodel.projection.Projection is not a"),
        ([f"{__name__}.Fitting"] * 2, "E008 2 projections have the name 'things'"),
    ],
)
def test_paths_that_do_not_name_different_projections_are_errors(settings: Any, paths: list[str], said: str) -> None:
    settings.READMODEL_PROJECTIONS = paths

    [error] = [f"{message.id} {message.msg}" for message in run_checks() if "readmodel" in str(message.id)]
    assert error.startswith(f"readmodel.{said}")


def test_a_group_without_projections_is_an_error(settings: Any) -> None:
    settings.READMODEL_PROJECTIONS = []

    assert ids() == ["readmodel.E009"]


def test_projections_that_no_group_feeds_are_an_error(settings: Any) -> None:
    settings.EVENTS_SUBSCRIBERS = {}

    assert ids() == ["readmodel.E009"]
