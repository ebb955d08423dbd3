"""Whether spans are sent, and where; OpenTelemetry itself reads its other variables, OTEL_*."""

from config.environment.sections import Section
from config.environment.values import web_address
from config.settings.variables import environment

env = Section(environment, "Tracing")
OTEL_EXPORTER_OTLP_ENDPOINT = env.url(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    web_address,
    otherwise="",
    meaning="the collector to which [traces](../operations/tracing.md) are sent by OTLP over HTTP",
    example="http://collector.example.org:4318",
)
OTEL_TRACES_EXPORTER = env.choice(
    "OTEL_TRACES_EXPORTER",
    ("otlp", "console", "none"),
    default="otlp" if OTEL_EXPORTER_OTLP_ENDPOINT else "none",
    default_is="`otlp` if there is a collector, else `none`",
    meaning="how spans leave the process; `console` prints each one as JSON on standard output",
)
OTEL_EXPORTER_OTLP_PROTOCOL = env.choice(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    ("http/protobuf",),
    default="http/protobuf",
    meaning="the only protocol that is known here",
)
