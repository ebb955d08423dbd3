import pytest
from django.apps import apps
from django.db import models

from events.models import DeadLetter, DeadLetterAction
from events.texts.storable import StorableCharField, StorableJSONField, StorableTextField
from tests.contracts.parking import ParkingContract

CHOSEN_BY_US = {"group", "target", "state", "action"}
STORABLE = (StorableCharField, StorableTextField, StorableJSONField)


@pytest.mark.django_db
class TestParkingOnSQLite(ParkingContract):
    """Parking on SQLite."""


@pytest.mark.parametrize("model", [DeadLetter, DeadLetterAction])
def test_every_column_of_a_letter_takes_any_text(model: type[models.Model]) -> None:
    text = (models.CharField, models.TextField, models.JSONField)
    columns = [field for field in model._meta.get_fields() if isinstance(field, text)]

    assert {field.name for field in columns if not isinstance(field, STORABLE)} <= CHOSEN_BY_US


def test_no_text_column_of_the_events_is_unbounded_and_refuses_text() -> None:
    free = [
        field
        for model in apps.get_app_config("events").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.TextField) and not isinstance(field, StorableTextField)
    ]

    assert [f"{field.model.__name__}.{field.name}" for field in free] == ["LogEntry.data"]
