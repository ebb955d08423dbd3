"""Numbers in query strings, in plain digits alone."""

import re
from typing import Any

from rest_framework import serializers

from events.texts.numbers import DECIMAL, WHOLE


class _Plain(serializers.Field[Any, Any, Any, Any]):
    """REST framework also takes 1_0, 1e1, spaces around, and the digits of other scripts."""

    pattern: re.Pattern[str]

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and not self.pattern.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(_Plain, serializers.IntegerField):
    pattern = WHOLE


class NumberField(_Plain, serializers.FloatField):
    pattern = DECIMAL


class PriceField(_Plain, serializers.DecimalField):
    pattern = DECIMAL
