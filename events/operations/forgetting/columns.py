"""Look for texts in the columns of a table, whatever their types."""

from collections.abc import Collection
from typing import Any

from django.db.models import CharField, JSONField, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from events.texts.spellings import spellings

TEXTUAL = (CharField, TextField, JSONField)


def text_columns(model: type[Model]) -> list[str]:
    """Return the columns of the model that can hold any text."""
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, TEXTUAL)]


def rows_with(rows: QuerySet[Any], columns: Collection[str], texts: Collection[str]) -> QuerySet[Any]:
    """Return the rows with one of the texts in these columns, in any spelling, possibly within a longer word."""
    wanted = Q()
    for column in columns:
        rows = rows.alias(**{f"{column}_as_text": Cast(column, TextField())})
        for form in sorted({form for text in texts for form in spellings(text)}):
            wanted |= Q(**{f"{column}_as_text__icontains": form})
    return rows.filter(wanted) if wanted else rows.none()
