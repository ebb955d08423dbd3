"""The pages of one search ask the same copies, unless these do not answer."""

from typing import Any

import pytest

from events.exceptions import RetryLater, TargetLost
from readmodel.index.copies import Copies

SEARCH: dict[str, Any] = {"query": {"term": {"venue": "Arena"}}, "sort": [{"id": "asc"}], "size": 20}


def test_all_pages_of_a_search_and_no_other_searches_have_one_preference() -> None:
    copies = Copies()

    pages = {copies.of({**SEARCH, "from": page * 20, "track_total_hits": page == 0}) for page in range(3)}
    others = {copies.of({**SEARCH, "query": {"term": {"venue": f"Arena {number}"}}}) for number in range(10)}

    assert (len(pages), len(others), len(pages & others)) == (1, 10, 0)
    assert not any(str(preference).startswith("_") for preference in pages | others)


@pytest.mark.parametrize(("error", "is_free"), [(RetryLater, True), (TargetLost, False)])
def test_after_a_copy_has_not_answered_elasticsearch_chooses(error: type[Exception], is_free: bool) -> None:  # noqa: FBT001
    copies = Copies()

    with pytest.raises(error), copies.watched():
        raise error

    assert (copies.of(SEARCH) is None) == is_free
