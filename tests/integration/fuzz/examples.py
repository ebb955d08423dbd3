"""How many requests the fuzz tests send: a few for each operation or address, or as many as FUZZ_EXAMPLES says."""

import os

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings


def fuzzing(examples: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=number_of(examples),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def number_of(examples: int) -> int:
    return int(os.environ.get("FUZZ_EXAMPLES", examples))
