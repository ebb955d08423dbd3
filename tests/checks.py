"""Django's checks that tests can't rely on."""

OF_EVENT_CLASSES = [f"events.E{number:03}" for number in range(20, 30)]
"""They see the event classes that other tests of the same process have made."""
