"""What happens to crates."""

from events.event import Event, event_type


class CrateEvent(Event, frozen=True, kw_only=True, rename="camel"):
    crate_id: int
    version: int
    shelf: str

    @property
    def subject(self) -> str:
        return str(self.crate_id)

    @property
    def aggregate_version(self) -> int:
        return self.version


@event_type("crate.received")
class CrateReceived(CrateEvent, frozen=True, kw_only=True, rename="camel"):
    """A crate came in, and stands on a shelf."""


@event_type("crate.moved")
class CrateMoved(CrateEvent, frozen=True, kw_only=True, rename="camel"):
    """A crate stands on another shelf now."""


@event_type("crate.scrapped")
class CrateScrapped(CrateEvent, frozen=True, kw_only=True, rename="camel"):
    """The crate is gone."""
