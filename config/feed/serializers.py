"""Check the feed's parameters, and document what it answers."""

from typing import Any

from rest_framework import serializers

from events.feed import pages as feed
from events.feed.cursor import FeedCursor
from events.feed.pages import FeedFilter
from readmodel.tickets.api.fields import NumberField, WholeNumberField

LATEST = ("latest", "$")
CURSOR_LENGTH = 30_000
"""A thousand partitions, each at a position of 12 digits with its mark, take 29,333 characters."""
LONGEST_WAIT_SECONDS = 30


class StreamParameters(serializers.Serializer[Any]):
    """Where to start, and which events to include."""

    after = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=CURSOR_LENGTH,
        help_text="The cursor to continue from, or `latest` for new events only. Without it, the log's start.",
    )
    type = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=100,
        help_text="Include events of this type only. May be repeated.",
    )
    subject = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=100,
        help_text="Include events of the aggregate with this id only. May be repeated.",
    )

    def wanted(self) -> FeedFilter:
        found = self.validated_data
        return FeedFilter(types=frozenset(found.get("type", ())), subjects=frozenset(found.get("subject", ())))

    def cursor(self) -> FeedCursor:
        """Return the cursor to start from; raise CursorRefused."""
        after = self.validated_data.get("after", "")
        if after in LATEST:
            return feed.end()
        return FeedCursor.parse(after) if after else feed.start()


class FeedParameters(StreamParameters):
    """The parameters of a page: those of a stream, its length, and how long to wait."""

    limit = WholeNumberField(default=100, min_value=1, max_value=1_000, help_text="The most events to return.")
    wait = NumberField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT_SECONDS,
        help_text="Seconds to wait for an event if there is none yet.",
    )


class FeedEventSerializer(serializers.Serializer[Any]):
    """An event: CloudEvents attributes, the project's own attributes, and its place in the log."""

    id = serializers.UUIDField()
    specversion = serializers.CharField(default="1.0")
    source = serializers.CharField()  # type: ignore[assignment] # A field named like an attribute of fields.
    type = serializers.CharField()
    subject = serializers.CharField()
    time = serializers.DateTimeField()
    dataschema = serializers.CharField()
    datacontenttype = serializers.CharField(default="application/json")
    data = serializers.DictField()  # type: ignore[assignment]
    aggregateversion = serializers.IntegerField()
    correlationid = serializers.CharField()
    causationid = serializers.CharField(required=False)
    actor = serializers.CharField(required=False)
    traceparent = serializers.CharField(required=False)
    partition = serializers.IntegerField()
    position = serializers.IntegerField()


class PageSerializer(serializers.Serializer[Any]):
    """A page of events, and the cursor to continue from."""

    events = FeedEventSerializer(many=True)
    next = serializers.CharField(help_text="The cursor after these events: the next request's `after`.")
    has_more = serializers.BooleanField(help_text="Whether more events can be read now, also if `events` is empty.")
