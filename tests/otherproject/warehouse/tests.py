"""What the project's own `manage.py test` runs."""

from django.test import TestCase

from events.testing import captured_events
from warehouse.events import CrateReceived
from warehouse.models import Crate


class CrateTest(TestCase):
    databases = "__all__"

    def test_a_received_crate_is_recorded(self) -> None:
        with captured_events() as captured:
            crate = Crate.receive("A1")

        assert list(captured) == [CrateReceived(crate_id=crate.pk, version=1, shelf="A1")]
