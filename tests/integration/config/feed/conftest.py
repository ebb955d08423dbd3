"""Share one web server between all tests of the feed, since it takes seconds to start."""

from collections.abc import Iterator

import pytest

from events.log.partitions import forget_layout
from events.models import Partition
from events.stream.interface import Stream as EventStream
from tests.network.feed_server import SETTINGS, Server, reader_token, serving


@pytest.fixture(scope="package")
def shared_server(django_db_setup: None) -> Iterator[Server]:
    """Serve all tests; each test has only its own events, since all tables are emptied after it."""
    with serving(DJANGO_SETTINGS_MODULE=SETTINGS) as server:
        yield server


@pytest.fixture
def server(shared_server: Server, stream: EventStream) -> Server:
    return shared_server


@pytest.fixture
def token() -> str:
    return reader_token()


@pytest.fixture
def repartitioned() -> Iterator[None]:
    """Leave one partition to the next test."""
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()


@pytest.fixture
def partitions() -> Iterator[None]:
    """Three partitions instead of one."""
    Partition.objects.bulk_create([Partition(number=1), Partition(number=2)])
    forget_layout()
    yield
    Partition.objects.exclude(number=0).delete()
    forget_layout()
