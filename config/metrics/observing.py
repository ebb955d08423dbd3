"""Keep what the instruments tell, by prometheus_client."""

from collections.abc import Callable
from functools import cache
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry

import config.measurements  # noqa: F401 (the imports make the instruments)
import events.measuring.catalogue  # noqa: F401
import readmodel.measurements  # noqa: F401
import tickets.measurements  # noqa: F401
from events.measuring.instruments import Counter, Gauge, Histogram, Instrument, Labels, Observer, Switch, instruments

prometheus_client.disable_created_metrics()  # They would double the number of series.


@cache
def observed() -> CollectorRegistry:
    """Observe all instruments from the first call on, and return what they have told since."""
    registry = CollectorRegistry()
    for instrument in instruments():
        observer = _observer(instrument, registry)
        instrument.observe(observer)
        for word in instrument.words if isinstance(instrument, Counter) else ():
            observer(0, (word,))
    return registry


def _observer(instrument: Instrument, registry: CollectorRegistry) -> Observer:
    taken = (instrument.name, instrument.documentation, instrument.labels)
    match instrument:
        case Counter():
            return _telling(prometheus_client.Counter(*taken, registry=registry), "inc")
        case Gauge():  # Of the workers of the web server, those that have ended count no more.
            return _telling(prometheus_client.Gauge(*taken, registry=registry, multiprocess_mode="livesum"), "inc")
        case Switch():
            return _telling(prometheus_client.Gauge(*taken, registry=registry, multiprocess_mode="livemax"), "set")
        case Histogram():
            return _telling(
                prometheus_client.Histogram(*taken, registry=registry, buckets=instrument.bounds), "observe"
            )
    raise TypeError(f"{instrument.name} is no instrument that Prometheus knows")


def _telling(metric: Any, method: str) -> Observer:
    tell_of: dict[Labels, Callable[[float], None]] = {}  # The library's own look-up takes a lock.

    def tell(value: float, labels: Labels) -> None:
        if labels not in tell_of:
            tell_of[labels] = getattr(metric.labels(*labels) if labels else metric, method)
        tell_of[labels](value)

    return tell
