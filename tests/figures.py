"""What the instruments tell during a test; other tests of the process have told them things before."""

from prometheus_client import CollectorRegistry

from config.metrics.observing import observed


class Figures:
    """What the instruments have told since the start."""

    def __init__(self) -> None:
        self._registry: CollectorRegistry = observed()
        self._before = self._all()

    def _all(self) -> dict[str, float]:
        samples = [sample for metric in self._registry.collect() for sample in metric.samples]
        return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}

    def of(self, *names: str) -> dict[str, float]:
        now = self._all()
        return {name: now.get(name, 0) - self._before.get(name, 0) for name in names}
