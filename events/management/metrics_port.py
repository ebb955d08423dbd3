"""The port on which a long-running command serves its metrics."""

from argparse import ArgumentTypeError
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from django.utils.module_loading import import_string

from events.conf import conf
from events.management.arguments import number

LAST_PORT = 65535


class MetricsPort(NamedTuple):
    """A port, or a distance from EVENTS_METRICS_PORT: so one setting serves all programs of a machine."""

    number: int
    is_distance: bool = False

    @classmethod
    def parse(cls, text: str) -> "MetricsPort":
        found = cls(number(text.removeprefix("+")), is_distance=text.startswith("+"))
        if found.number > LAST_PORT:
            raise ArgumentTypeError(f"{text!r} is not a port: use a number up to {LAST_PORT}")
        return found

    def served(self) -> AbstractContextManager[object]:
        """Return the block in which the process serves its metrics, if the project has a server and a port for them."""
        is_without = self.is_distance and not conf.metrics_port
        port = 0 if is_without else self.number + self.is_distance * conf.metrics_port
        return import_string(conf.metrics_server)(port) if conf.metrics_server and port else nullcontext()


OF_THE_SETTING = MetricsPort(0, is_distance=True)
