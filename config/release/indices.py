"""Tell which indices were made by another version of their projection."""

from collections.abc import Iterator
from contextlib import closing

from config.release.step import AFTERWARDS, Step
from readmodel.index.document_index import connect
from readmodel.projection import projections


def check_indices() -> Iterator[Step]:
    """Yield a step for each index that is to be built anew; raise RetryLater if Elasticsearch does not answer.

    The running consumers and searches go on with the old index; the new consumers write to both.
    """
    for projection in projections():
        with closing(connect(projection)) as index:
            searched = index.indices.searched()
            version = index.indices.projection.version
        if searched and searched.version != version:
            found = (
                f"{searched.name} was made by version {searched.version or 'none'} of {projection.name}, not {version}"
            )
            yield Step("projection", found, f"run manage.py rebuild_readmodel {projection.name}", when=AFTERWARDS)
