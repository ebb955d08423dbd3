"""Check that whoever was forgotten stays forgotten, and would be forgotten again in a restored backup."""

from collections.abc import Iterator

from events import forgotten
from events.conf import conf, named
from events.forgotten import AGAIN, ListDamaged
from events.operations.doctor.finding import Finding

ABOUT = "forgotten persons"
PAGE = "forgotten-persons"


def check_returned() -> Iterator[Finding]:
    """A restored backup has persons again who were forgotten since."""
    try:
        returned = forgotten.returned()
    except ListDamaged as error:
        yield Finding(ABOUT, "their list can't be read", str(error), PAGE, blocks=True)
        return
    if returned:
        found = f"the database was restored from a backup: {len(returned):,} of the list have to be forgotten again"
        yield Finding(ABOUT, found, AGAIN, PAGE, blocks=True)


def check_list() -> Iterator[Finding]:
    """The list is complete, and its hashes can be compared."""
    if missing := forgotten.missing_in_file():
        remedy = f"let {named('EVENTS_FORGOTTEN_FILE')} name the file that forget_person writes; if it is lost, {AGAIN}"
        found = f"the file {conf.forgotten_file} lacks {missing:,} of the database's list"
        yield Finding(ABOUT, found, remedy, PAGE)
    if keys := forgotten.unknown_keys():
        remedy = f"add their secrets to {named('EVENTS_FORGOTTEN_KEYS')}, or to SECRET_KEY_FALLBACKS"
        yield Finding(ABOUT, f"the list has hashes of unknown keys: {', '.join(sorted(keys))}", remedy, PAGE)
    if unfinished := forgotten.unfinished():
        yield Finding(ABOUT, f"{unfinished:,} were not forgotten to the end, if no command is at it", AGAIN, PAGE)
