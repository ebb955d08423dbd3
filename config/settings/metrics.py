"""Where Prometheus finds the metrics of programs other than the web server; they have no log-in there."""

import os

from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "Metrics")
EVENTS_METRICS_SERVER = "config.metrics.serving.serving_metrics"
EVENTS_METRICS_PORT = env.number(
    "METRICS_PORT",
    default=0,
    least=0,
    most=65_000,
    meaning="the port from which those of the metrics of relays, consumers and workers are counted by `--metrics-port "
    "+N`; 0: none. [Metrics](../operations/metrics.md) has more",
    example="9000",
)
METRICS_HOST = env.text(
    "METRICS_HOST",
    default="127.0.0.1",
    meaning="the address on which they listen, without any log-in",
    example="0.0.0.0",  # noqa: S104
)
METRICS_FOLDER = env.text(
    "PROMETHEUS_MULTIPROC_DIR",
    default_is="a new one, deleted at the end",
    meaning="the folder in which the workers of a web server add up what they count; nothing else may use it",
    example="/run/tickets/metrics",
)
if not METRICS_FOLDER:
    # Set to nothing, prometheus_client would take the current folder for its files.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
