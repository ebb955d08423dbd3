"""Count the searches that each user follows by a cursor: each keeps a state of the index in Elasticsearch's memory.

A user has some places, which are keys of Django's default cache: adding one is atomic, and it expires like the point in
time that it stands for.
"""

import logging
from contextlib import suppress

from django.core.cache import cache
from django.db import DatabaseError

from readmodel.conf import conf
from readmodel.exceptions import TooManyCursors

KEEP_ALIVE_SECONDS = 120
NO_PLACE = ""

logger = logging.getLogger(__name__)


def take_place(user: str) -> str:
    """Return a place of the user; raise TooManyCursors if all are taken. Without the cache nothing is counted."""
    places = [f"readmodel.cursor.{user}.{number}" for number in range(conf.cursors_per_user)]
    try:
        taken = cache.get_many(places)
        for place in places:
            if place not in taken and cache.add(place, 1, timeout=KEEP_ALIVE_SECONDS):
                return place
    except DatabaseError as error:
        logger.warning("the cursors of a user are not counted: %s", error)
        return NO_PLACE
    raise TooManyCursors(f"You follow {len(places)} searches by cursors already; read one of them to its end.")


def keep_place(place: str) -> None:
    """Keep the place as long as its point in time is kept."""
    with suppress(DatabaseError):  # It expires too early.
        cache.touch(place, timeout=KEEP_ALIVE_SECONDS)


def give_place_back(place: str) -> None:
    with suppress(DatabaseError):  # It expires by itself.
        cache.delete(place)
