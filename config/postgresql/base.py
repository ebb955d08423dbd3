"""Let Django's PostgreSQL backend use the pool of pool.py. Django asks for this module's name."""

from typing import Any, ClassVar

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base, features

from config.postgresql.pool import Pool, Session


class DatabaseFeatures(features.DatabaseFeatures):
    """Say without a session what system checks ask: they run before the database is there too."""

    supports_virtual_generated_columns = False  # None is virtual here; Django would ask the server for its version.


class DatabaseWrapper(base.DatabaseWrapper):
    """The pool's options are `max_size` and `timeout`, in OPTIONS["pool"]; without them each wrapper has a session."""

    features_class = DatabaseFeatures
    _connection_pools: ClassVar[dict[str, Pool]] = {}

    @property
    def pool(self) -> Pool | None:
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            self._connection_pools.setdefault(self.alias, Pool(self._open_session, **options))
        return self._connection_pools[self.alias]

    def _open_session(self) -> Session:
        parameters: dict[str, Any] = self.get_connection_params() | {"autocommit": True}
        session: Session = self.Database.connect(**parameters)
        try:
            self._configure_connection(session)  # type: ignore[attr-defined]
        except BaseException:
            session.close()
            raise
        return session
