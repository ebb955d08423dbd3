from tests.contracts.compaction import AfterCompactionContract, CompactionContract


class TestCompaction(CompactionContract):
    """On SQLite."""


class TestAfterCompaction(AfterCompactionContract):
    """On SQLite and a stream in this process."""
