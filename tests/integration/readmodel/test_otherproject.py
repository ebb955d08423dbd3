"""Use `events` and `readmodel` in another project, with the files that its how-to tells to write."""

import shutil
import sys
from pathlib import Path

import msgspec
import pytest
from elasticsearch import Elasticsearch
from pytest_django import Settings

from events.stream.interface import Stream
from tests.documentation.how_to import files_of_the_other_project
from tests.integration.events.test_otherproject import CHECK, RELAY, ROOT, OtherProject, shell

RECORD = """
from warehouse.models import Crate
crates = [Crate.receive("A1") for _ in range(4)]
crates[0].move_to("B2")
crates[1].scrap()
crates[2].move_to("B2")
"""
SCRAP_AND_BRING_BACK = """
from warehouse.models import Crate
Crate.objects.get(pk=1).scrap()
Crate.objects.get(pk=2).move_to("B2")
"""
SEARCH = """
from warehouse.search import crates_on
print([hit["crate"] for hit in crates_on("B2")])
"""
CONSUME = ("consume_events", "readmodel", "--until-idle")
NEXT_REVISION = """
        "room": {"type": "text", "analyzer": "words"},
    }
    settings = {"analysis": {"analyzer": {"words": {"type": "custom", "tokenizer": "standard"}}}}
"""


class ProjectWithSearch(OtherProject):
    """The other project, with a read model of its crates behind the test's alias."""

    def __init__(self, folder: Path, elasticsearch_url: str, alias: str) -> None:
        super().__init__(folder, sys.executable)
        shutil.copytree(ROOT / "readmodel", folder / "readmodel", ignore=shutil.ignore_patterns("tickets"))
        written = files_of_the_other_project()
        assert written.keys() == {"settings.py", "warehouse/documents.py", "warehouse/search.py"}
        for name, text in written.items():
            with (folder / name).open("a") as file:  # The settings exist already.
                file.write(text)
        with (folder / "settings.py").open("a") as settings:
            settings.write(f'READMODEL_ALIAS = "{alias}"\n')
        self.variables = {"ELASTICSEARCH_URL": elasticsearch_url}

    def _run(self, *arguments: str, **variables: str) -> str:
        return super()._run(*arguments, **(self.variables | variables))


@pytest.fixture
def alias(settings: Settings, elasticsearch: Elasticsearch) -> str:
    return settings.READMODEL_ALIAS  # type: ignore[no-any-return]  # django-stubs knows only Django's settings


@pytest.fixture
def project(
    tmp_path: Path, alias: str, elasticsearch: Elasticsearch, stream: Stream, settings: Settings
) -> ProjectWithSearch:
    """The project with four crates, one of them scrapped."""
    project = ProjectWithSearch(tmp_path, settings.ELASTICSEARCH_URL, alias)
    project.manage_all(CHECK, ("migrate",), shell(RECORD), RELAY, CONSUME)
    elasticsearch.indices.refresh(index=alias)
    return project


@pytest.mark.django_db
def test_crates_are_projected_hidden_shown_again_verified_and_repaired(
    project: ProjectWithSearch, elasticsearch: Elasticsearch, alias: str
) -> None:
    assert elasticsearch.count(index=alias)["count"] == 3  # The second crate is scrapped.
    commands = shell(SEARCH), ("verify_readmodel",), shell(SCRAP_AND_BRING_BACK), RELAY, CONSUME
    found, verified, *_ = project.manage_all(*commands)
    assert found == "['1', '3']\n"
    assert verified == f"{alias}-000001: 4 documents compared, 0 differences, 0 repaired\n"

    elasticsearch.indices.refresh(index=alias)
    assert project.manage(*shell(SEARCH)) == "['2', '3']\n"
    assert elasticsearch.get(index=alias, id="1")["_source"] == {"version": 3}

    elasticsearch.delete(index=f"{alias}-000001", id="3")
    elasticsearch.delete(index=f"{alias}-000001", id="1", refresh=True)
    elasticsearch.index(index=f"{alias}-000001", id="9", document={"crate": "9", "shelf": "B2"}, refresh=True)
    repaired = project.manage("verify_readmodel", "--repair", "--json")

    differences = [msgspec.json.decode(line) for line in repaired.splitlines()]
    assert sorted((line["id"], line["kind"], line["repaired"]) for line in differences) == [
        ("1", "missing", True),
        ("3", "missing", True),
        ("9", "ghost", True),
    ]
    elasticsearch.indices.refresh(index=alias)
    assert project.manage(*shell(SEARCH)) == "['2', '3']\n"


@pytest.mark.django_db
def test_a_changed_analyzer_is_noticed_and_the_index_is_rebuilt_while_events_arrive(
    project: ProjectWithSearch, elasticsearch: Elasticsearch, alias: str
) -> None:
    module = project.folder / "warehouse/documents.py"
    module.write_text(module.read_text().replace("\n    }\n", NEXT_REVISION, 1))

    project.manage_all(shell(SCRAP_AND_BRING_BACK), RELAY, CONSUME)
    elasticsearch.indices.refresh(index=alias)

    assert project.manage(*shell(SEARCH)) == "['2', '3']\n"
    with pytest.raises(AssertionError):  # The exit code is 1.
        project.manage("doctor")
    verify = ("verify_readmodel", "--index", f"{alias}-000002")
    rebuilt, found, verified = project.manage_all(("rebuild_readmodel", "crates"), shell(SEARCH), verify)
    assert rebuilt.splitlines()[-1] == f"{alias}-000002 is searched now"
    assert found == "['2', '3']\n"
    assert elasticsearch.indices.get_alias(name=alias).keys() == {f"{alias}-000002"}
    assert "another version" not in verified


@pytest.mark.django_db
def test_a_consumer_at_rest_audits_the_crates(
    project: ProjectWithSearch, elasticsearch: Elasticsearch, alias: str
) -> None:
    elasticsearch.delete(index=f"{alias}-000001", id="3")
    elasticsearch.delete(index=f"{alias}-000001", id="2", refresh=True)  # This one is hidden.

    project.manage("consume_events", "readmodel", "--time-limit", "4")

    elasticsearch.indices.refresh(index=alias)
    assert project.manage(*shell(SEARCH)) == "['1', '3']\n"
    assert elasticsearch.get(index=alias, id="2")["_source"] == {"version": 2}
