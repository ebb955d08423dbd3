"""All texts that people read are translated to German, and what is in git is what is used."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from tests import messages


@pytest.fixture(scope="module")
def translated() -> Catalog:
    return messages.translated()


def ids_of(catalog: Catalog) -> set[tuple[str | None, object]]:
    return {(message.context, message.id) for message in catalog if message.id}


def test_the_translations_have_all_texts_of_the_code_and_no_others(translated: Catalog) -> None:
    collected = ids_of(messages.collected())

    assert len(collected) > 200
    assert ids_of(translated) == collected, "run `make messages`, and translate what is new"


def test_nothing_is_untranslated_and_each_placeholder_is_kept(translated: Catalog) -> None:
    assert messages.untranslated(translated) == []
    assert [(message.id, str(error)) for message, errors in translated.check() for error in errors] == []


def test_the_compiled_file_has_these_translations(translated: Catalog) -> None:
    assert messages.GERMAN.with_suffix(".mo").read_bytes() == messages.compiled(translated)


@pytest.mark.parametrize("template", messages.templates(), ids=lambda path: str(path.relative_to(messages.ROOT)))
def test_a_template_shows_no_word_that_is_not_marked(template: Path) -> None:
    assert messages.unmarked_in(template) == []
