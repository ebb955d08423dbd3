"""Map the feed's URLs, below /api/, to views."""

from django.urls import path

from config.feed.views import events, events_stream

urlpatterns = [
    path("events/", events, name="events"),
    path("events/stream", events_stream, name="events-stream"),
]
