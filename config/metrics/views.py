"""Answer /metrics to users with the permission, who authenticate as for the REST API."""

from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from config.metrics.collector import ServiceCollector
from config.metrics.observing import observed
from config.metrics.shared import shared_figures

METRICS_PERMISSION = "readmodel.view_metrics"


class TextRenderer(JSONRenderer):
    """Accept a client that asks only for text; problems are still answered as JSON."""

    media_type = "text/plain"
    format = "text"


class OpenMetricsRenderer(TextRenderer):
    media_type = "application/openmetrics-text"
    format = "openmetrics"


class WorkersCollector(Collector):
    """What the instruments have told in this process, or in all workers of the web server if they share a folder."""

    def collect(self) -> Iterable[Metric]:
        return shared_figures(Path(settings.METRICS_FOLDER)) if settings.METRICS_FOLDER else observed().collect()


@extend_schema(exclude=True)
class Metrics(APIView):
    """Measure now, and answer in the format that Prometheus prefers."""

    required_permission = METRICS_PERMISSION
    renderer_classes = [TextRenderer, OpenMetricsRenderer]

    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(ServiceCollector())
        registry.register(WorkersCollector())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})


# Outside of a transaction, so that a query that fails does not break the others.
metrics = transaction.non_atomic_requests(Metrics.as_view())
