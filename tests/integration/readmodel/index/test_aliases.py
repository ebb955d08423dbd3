"""Create indices and write to them on a real Elasticsearch."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from threading import Event
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from elasticsearch import Elasticsearch

from events.exceptions import PartlyHandled, RetryLater, TargetLost, Unprocessable
from readmodel.index.client import open_client
from readmodel.index.document_index import DocumentIndex, connect
from readmodel.projection import VERSION_STEP, VersionedDocument
from readmodel.subscriber import ReadModel
from readmodel.tickets.documents import TicketDocuments
from tests.network.elasticsearch_proxy import Answer, Forward, Request, running_elasticsearch_proxy
from tests.ticket_events import document, envelope_of, ticket, ticket_id
from tests.waiting import wait_until
from tickets.events import TicketCanceled, TicketCheckedIn, TicketIssued

ID = str(ticket_id(1))
NOBODY_LISTENS = "http://127.0.0.1:1"


class NewerTicketDocuments(TicketDocuments):
    revision = 99


class WithRow(TicketDocuments):
    mapping: ClassVar = TicketDocuments.mapping | {"row": {"type": "keyword"}}


def concrete_indices(elasticsearch: Elasticsearch, alias: str) -> list[str]:
    return sorted(elasticsearch.indices.get(index=f"{alias}*"))


def stored(elasticsearch: Elasticsearch, alias: str, key: str = ID) -> tuple[int, str]:
    found = elasticsearch.get(index=alias, id=key)
    return found["_version"], found["_source"]["title"]


class TestEnsure:
    def test_creates_an_index_behind_the_alias_and_finds_it_again(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()

        assert target.name == f"{settings.READMODEL_ALIAS}-000001"
        assert ticket_index.indices.ensure() == target
        assert concrete_indices(elasticsearch, settings.READMODEL_ALIAS) == [target.name]

    def test_many_processes_at_once_get_the_same_index(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        with ThreadPoolExecutor(8) as threads:
            targets = {target.result() for target in [threads.submit(ticket_index.indices.ensure) for _ in range(8)]}

        [target] = targets
        assert concrete_indices(elasticsearch, settings.READMODEL_ALIAS) == [target.name]

    def test_follows_the_alias_to_another_index(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        alias = settings.READMODEL_ALIAS
        old = ticket_index.indices.ensure()
        elasticsearch.indices.create(index=f"{alias}-000002")
        move = [{"remove": {"index": old.name, "alias": alias}}, {"add": {"index": f"{alias}-000002", "alias": alias}}]
        elasticsearch.indices.update_aliases(actions=move)

        assert ticket_index.indices.ensure().name == f"{alias}-000002"
        assert [target.name for target in ticket_index.indices.kept()] == [f"{alias}-000002", old.name]

    def test_gives_an_index_its_lost_alias_back(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.delete_alias(index=target.name, name=settings.READMODEL_ALIAS)

        assert ticket_index.indices.ensure() == target

    def test_adds_missing_fields_to_an_older_index_and_keeps_the_others(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        alias = settings.READMODEL_ALIAS
        older = ticket_index.indices._template.body
        fields = {name: field for name, field in older["template"]["mappings"]["properties"].items() if name != "seat"}
        mappings = {"dynamic": "strict", "properties": fields | {"title": {"type": "text"}}}
        elasticsearch.indices.put_index_template(name=alias, **older | {"template": {"mappings": mappings}})
        elasticsearch.indices.create(index=f"{alias}-000001", aliases={alias: {}})

        target = ticket_index.indices.ensure()

        assert ticket_index.documents(target).write([document(1)]) == {}
        made = f"{target.name} was made by another version of the projection tickets"
        assert f"{made}; run manage.py rebuild_readmodel tickets" in caplog.text
        found = elasticsearch.indices.get_mapping(index=target.name)[target.name]["mappings"]["properties"]
        assert found["title"] == {"type": "text"}
        assert "seat" in found

    def test_adds_missing_fields_to_every_kept_index_that_can_be_changed(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        searched = ticket_index.indices.ensure()
        kept, read_only = ticket_index.indices.create_next(), ticket_index.indices.create_next()
        elasticsearch.indices.put_settings(index=read_only.name, settings={"index.blocks.read_only": True})
        newer = DocumentIndex(open_client(settings.ELASTICSEARCH_URL), WithRow())

        assert newer.indices.ensure() == searched

        written = VersionedDocument(id=ID, version=VERSION_STEP, source={"id": ID, "row": "7"}, event=uuid4())
        assert [newer.documents(target).write([written]) for target in (searched, kept)] == [{}, {}]
        elasticsearch.indices.put_settings(index=read_only.name, settings={"index.blocks.read_only": None})
        assert "row" not in newer.documents(read_only).mapping()
        newer.close()

    def test_gives_the_alias_of_an_earlier_release_the_filter_that_hides_documents(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        alias = settings.READMODEL_ALIAS
        elasticsearch.indices.put_index_template(name=alias, **ticket_index.indices._template.body)
        elasticsearch.indices.create(index=f"{alias}-000001", aliases={alias: {}})
        elasticsearch.index(index=alias, id="hidden", document={"version": 1}, refresh=True)
        before = elasticsearch.count(index=alias)["count"]

        target = ticket_index.indices.ensure()

        assert (target.name, before, elasticsearch.count(index=alias)["count"]) == (f"{alias}-000001", 1, 0)

    def test_reports_an_index_that_another_version_of_the_projection_made(
        self, ticket_index: DocumentIndex, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        ticket_index.indices.ensure()
        assert caplog.text == ""
        newer = DocumentIndex(open_client(settings.ELASTICSEARCH_URL), NewerTicketDocuments())

        newer.indices.ensure()

        made = f"{settings.READMODEL_ALIAS}-000001 was made by another version of the projection tickets"
        advice = "run manage.py rebuild_readmodel tickets"
        assert f"{made}; {advice}" in caplog.text
        assert list(newer.indices.examine()) == [(made, advice)]
        assert list(ticket_index.indices.examine()) == []
        newer.close()

    def test_reports_an_index_that_has_the_name_of_the_alias(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        elasticsearch.indices.create(index=settings.READMODEL_ALIAS)

        with pytest.raises(RetryLater, match="must be the alias of one index"):
            ticket_index.indices.ensure()

    def test_a_server_that_does_not_answer_is_retried(self) -> None:
        index = DocumentIndex(open_client(NOBODY_LISTENS), TicketDocuments())

        with pytest.raises(RetryLater, match="does not answer"):
            index.indices.ensure()
        index.close()


def index_of(settings: Any, alias: str) -> DocumentIndex:
    settings.READMODEL_ALIAS = alias
    return connect(TicketDocuments)


class TestCopies:
    def test_another_number_of_replicas_is_that_of_all_kept_indices_and_makes_no_new_one(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        kept = [ticket_index.indices.ensure(), ticket_index.indices.create_next()]
        settings.READMODEL_REPLICAS = 2
        later = connect(TicketDocuments)

        assert later.indices.ensure() == kept[0]

        assert later.indices.kept() == kept
        assert list(later.indices.examine()) == []
        found = elasticsearch.indices.get_settings(index=[target.name for target in kept], flat_settings=True)
        assert {each["settings"]["index.auto_expand_replicas"] for each in found.values()} == {"0-2"}
        later.close()

    def test_an_index_whose_replicas_can_not_be_changed_is_fed_all_the_same(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.put_settings(index=target.name, settings={"index.blocks.read_only": True})
        settings.READMODEL_REPLICAS = 2
        later = connect(TicketDocuments)

        assert later.indices.ensure() == target

        elasticsearch.indices.put_settings(index=target.name, settings={"index.blocks.read_only": None})
        assert [state.replicas for state in later.indices._kept()] == ["0-1"]
        assert later.documents(target).write([document(1)]) == {}
        later.close()

    def test_another_number_of_shards_is_that_of_the_next_index_of_the_same_version(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        before = ticket_index.indices.ensure()
        settings.READMODEL_SHARDS = 3
        later = connect(TicketDocuments)

        after = later.indices.create_next()

        assert after.version == before.version
        found = elasticsearch.indices.get_settings(index=[before.name, after.name], flat_settings=True)
        shards = {name: each["settings"]["index.number_of_shards"] for name, each in found.items()}
        assert shards == {before.name: "1", after.name: "3"}
        later.close()


class TestAliasesOnOneCluster:
    @pytest.mark.parametrize(
        ("first", "second"),
        [("{}", "{}-staging"), ("{}-staging", "{}"), ("{}", "timeline-{}"), ("{}-0", "{}-000001-b"), ("{}", "{}-2027")],
    )
    def test_they_live_side_by_side(self, first: str, second: str, elasticsearch: Elasticsearch, settings: Any) -> None:
        aliases = [name.format(settings.READMODEL_ALIAS) for name in (first, second)]
        indices = [index_of(settings, alias).indices for alias in aliases]

        targets = [index.ensure() for index in indices]
        newer = [index.create_next() for index in indices]

        for index, alias, target, begun in zip(indices, aliases, targets, newer, strict=True):
            assert index.ensure() == target
            assert index.kept() == [target, begun]
            assert [target.name, begun.name] == [f"{alias}-000001", f"{alias}-000002"]
            assert list(index.examine()) == []
            index.replace()
        assert [[target.name for target in index.kept()] for index in indices] == [
            [f"{alias}-000003"] for alias in aliases
        ]

    def test_the_template_of_an_earlier_release_does_not_stand_in_the_way(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        alias = settings.READMODEL_ALIAS
        older = ticket_index.indices._template.body | {"priority": 500}
        elasticsearch.indices.put_index_template(name=alias, **older)
        elasticsearch.indices.create(index=f"{alias}-000001", aliases={alias: {}})

        staging = index_of(settings, f"{alias}-staging")

        assert staging.indices.ensure().name == f"{alias}-staging-000001"
        assert ticket_index.indices.ensure().name == f"{alias}-000001"
        assert [target.name for target in ticket_index.indices.kept()] == [f"{alias}-000001"]

    def test_an_index_of_the_longer_alias_has_its_own_mapping(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        ticket_index.indices.ensure()
        settings.READMODEL_ALIAS = alias = f"{settings.READMODEL_ALIAS}-staging"
        staging = DocumentIndex(open_client(settings.ELASTICSEARCH_URL), NewerTicketDocuments())
        staging.indices.ensure()

        elasticsearch.indices.create(index=f"{alias}-000002")

        [_, made_by_hand] = staging.indices.kept()
        assert made_by_hand.version == NewerTicketDocuments().version

    def test_a_template_of_somebody_else_that_collides_is_an_error_with_a_remedy(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        alias = settings.READMODEL_ALIAS
        elasticsearch.indices.put_index_template(
            name=f"foreign-{alias}", index_patterns=[f"{alias[:-1]}*"], priority=500 + len(alias), template={}
        )

        with pytest.raises(RetryLater, match=f"give other index templates that match {alias}-000001 .* a priority"):
            ticket_index.indices.ensure()

    def test_doctor_names_a_template_of_somebody_else_that_takes_precedence(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        alias = settings.READMODEL_ALIAS
        elasticsearch.indices.put_index_template(
            name=f"foreign-{alias}",
            index_patterns=[f"{alias[:-1]}*"],
            priority=5_000,
            template={"mappings": {"properties": {"title": {"type": "long"}}}},
        )

        target = ticket_index.indices.ensure()

        assert ticket_index.documents(target).write([document(1)]) == {}
        [(found, remedy)] = ticket_index.indices.examine()
        assert found == f"another index template takes precedence over {alias}"
        assert "READMODEL_ALIAS" in remedy

    def test_doctor_names_a_template_that_is_missing(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        ticket_index.indices.ensure()
        elasticsearch.indices.delete_index_template(name=settings.READMODEL_ALIAS)

        [(found, _)] = ticket_index.indices.examine()
        assert found == f"there is no index template {settings.READMODEL_ALIAS}"


class TestWrite:
    def test_the_newest_version_stays_in_any_order_of_writes(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()

        for version in (1, 3, 2, 3, 1):
            ticket_index.documents(target).write([document(1, version=version, title=f"title {version}")])

        assert stored(elasticsearch, settings.READMODEL_ALIAS) == (3 * 65_536, "title 3")

    def test_an_edit_by_hand_does_not_block_the_next_event(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        ticket_index.documents(target).write([document(1)])
        edited = elasticsearch.get(index=target.name, id=ID)["_source"] | {"title": "edited"}
        elasticsearch.index(index=target.name, id=ID, document=edited)

        ticket_index.documents(target).write([document(1)])
        assert stored(elasticsearch, settings.READMODEL_ALIAS) == (65_537, "edited")
        ticket_index.documents(target).write([document(1, version=2)])
        assert stored(elasticsearch, settings.READMODEL_ALIAS) == (2 * 65_536, "Kafka Night")

    def test_a_conflict_with_a_deletion_by_hand_is_not_a_success(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch
    ) -> None:
        target = ticket_index.indices.ensure()
        ticket_index.documents(target).write([document(1)])
        elasticsearch.indices.put_settings(index=target.name, settings={"index.gc_deletes": "60s"})
        elasticsearch.delete(index=target.name, id=ID)

        failures = ticket_index.documents(target).write([document(1), document(2)])

        assert failures.keys() == {ID}
        with pytest.raises(RetryLater, match=f"version 65536 of {ID}"):
            raise failures[ID]

    def test_a_deletion_by_hand_is_forgotten_at_once(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        documents = ticket_index.documents(target)
        documents.write([document(1)])
        elasticsearch.delete(index=target.name, id=ID)

        wait_until(lambda: not documents.write([document(1)]), within_seconds=30)  # Elasticsearch's default takes 60 s.

        assert stored(elasticsearch, settings.READMODEL_ALIAS) == (65_536, "Kafka Night")

    def test_one_conflict_does_not_hide_the_other_documents(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        ticket_index.documents(target).write([document(1, version=2)])

        ticket_index.documents(target).write([document(1), document(2), document(3)])

        ids = [str(ticket_id(number)) for number in (1, 2, 3)]
        answer = elasticsearch.mget(index=settings.READMODEL_ALIAS, ids=ids)
        assert [found["_version"] for found in answer["docs"]] == [2 * 65_536, 65_536, 65_536]

    def test_an_unknown_field_is_refused_and_the_mapping_stays(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch
    ) -> None:
        class Surprise(msgspec.Struct):
            surprise: str

        target = ticket_index.indices.ensure()
        before = elasticsearch.indices.get_mapping(index=target.name).body
        misfit = msgspec.structs.replace(document(1), source=Surprise("!"))

        failures = ticket_index.documents(target).write([misfit, document(2)])

        assert failures.keys() == {ID}
        with pytest.raises(Unprocessable, match=f"document {ID} .*strict_dynamic_mapping_exception.*surprise"):
            raise failures[ID]
        assert elasticsearch.indices.get_mapping(index=target.name).body == before

    def test_a_write_does_not_create_a_missing_index(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.delete(index=target.name)

        with pytest.raises(TargetLost):
            ticket_index.documents(target).write([document(1)])

        assert concrete_indices(elasticsearch, settings.READMODEL_ALIAS) == []

    def test_a_write_to_a_missing_alias_does_not_create_an_index(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch, settings: Any
    ) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.delete(index=target.name)

        elasticsearch.options(ignore_status=404).index(index=settings.READMODEL_ALIAS, document={"title": "by hand"})

        assert concrete_indices(elasticsearch, settings.READMODEL_ALIAS) == []

    def test_an_index_created_again_under_the_same_name_is_another_target(
        self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch
    ) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.delete(index=target.name)
        again = ticket_index.indices.ensure()

        assert (again.name, again.uuid == target.uuid) == (target.name, False)
        assert ticket_index.indices.kept() == [again]

    def test_a_closed_index_is_retried(self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.close(index=target.name)

        failures = ticket_index.documents(target).write([document(1)])

        with pytest.raises(RetryLater, match="closed"):
            raise failures[ID]

    def test_a_blocked_index_is_retried(self, ticket_index: DocumentIndex, elasticsearch: Elasticsearch) -> None:
        target = ticket_index.indices.ensure()
        elasticsearch.indices.add_block(index=target.name, block="write")

        failures = ticket_index.documents(target).write([document(1)])

        with pytest.raises(RetryLater, match="cluster_block_exception"):
            raise failures[ID]


class TestReadModel:
    def test_writes_the_last_states_of_a_batch(self, elasticsearch: Elasticsearch, settings: Any) -> None:
        read_model = ReadModel()
        read_model.open()

        read_model.handle(
            [
                envelope_of(TicketIssued(ticket=ticket(1))),
                envelope_of(TicketCanceled(ticket=ticket(1, status="canceled", version=2), new_ticket_id=ticket_id(2))),
                envelope_of(TicketIssued(ticket=ticket(2, replaces=ticket_id(1)))),
            ]
        )

        answer = elasticsearch.mget(index=settings.READMODEL_ALIAS, ids=[ID, str(ticket_id(2))])
        assert [
            (found["_version"], found["_source"]["status"], found["_source"]["replaced_by"]) for found in answer["docs"]
        ] == [(2 * 65_536, "canceled", str(ticket_id(2))), (65_536, "issued", None)]
        read_model.close()

    def test_a_refused_state_leaves_the_state_before_it(self, elasticsearch: Elasticsearch, settings: Any) -> None:
        read_model = ReadModel()
        read_model.open()
        issued = envelope_of(TicketIssued(ticket=ticket(1)))
        unfit = envelope_of(TicketCheckedIn(ticket=ticket(1, status="checked_in", version=2, price=Decimal("1e400"))))

        with pytest.raises(PartlyHandled) as raised:
            read_model.handle([issued, unfit, envelope_of(TicketIssued(ticket=ticket(2)))])

        assert raised.value.failures.keys() == {unfit.id}
        answer = elasticsearch.mget(index=settings.READMODEL_ALIAS, ids=[ID, str(ticket_id(2))])
        assert [found["_version"] for found in answer["docs"]] == [65_536, 65_536]
        read_model.close()

    def test_after_the_index_was_deleted_a_new_one_is_opened(self, elasticsearch: Elasticsearch, settings: Any) -> None:
        read_model = ReadModel()
        first = read_model.open()
        batch = [envelope_of(TicketCheckedIn(ticket=ticket(1, status="checked_in", version=2)))]
        read_model.handle(batch)
        elasticsearch.indices.delete(index=f"{settings.READMODEL_ALIAS}-000001")

        with pytest.raises(TargetLost):
            read_model.handle(batch)
        assert read_model.open() != first
        read_model.handle(batch)

        assert stored(elasticsearch, settings.READMODEL_ALIAS) == (2 * 65_536, "Kafka Night")
        read_model.close()

    def test_its_look_at_the_indices_keeps_no_event_waiting(self, elasticsearch: Elasticsearch, settings: Any) -> None:
        answers = Event()

        def when_allowed(request: Request, forward: Forward) -> Answer:
            answers.wait()
            return forward(request)

        url = urlsplit(settings.ELASTICSEARCH_URL)
        with running_elasticsearch_proxy(url.port) as proxy:
            settings.ELASTICSEARCH_URL = url._replace(netloc=f"{url.username}:{url.password}@{proxy.address}").geturl()
            with closing(ReadModel()) as read_model:
                read_model.open()
                elasticsearch.indices.delete(index=f"{settings.READMODEL_ALIAS}-000001")
                proxy.fault = when_allowed

                read_model.check(set())  # Returns, although nothing is answered.
                answers.set()
                read_model.settle()
                with pytest.raises(TargetLost):
                    read_model.check(set())
