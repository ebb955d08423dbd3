"""Answer /metrics to users with the permission, who authenticate as for the REST API."""

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from config.metrics.collector import ServiceCollector

METRICS_PERMISSION = "readmodel.view_metrics"


class TextRenderer(JSONRenderer):
    """Accept a client that asks only for text; problems are still answered as JSON."""

    media_type = "text/plain"
    format = "text"


class OpenMetricsRenderer(TextRenderer):
    media_type = "application/openmetrics-text"
    format = "openmetrics"


@extend_schema(exclude=True)
class Metrics(APIView):
    """Measure now, and answer in the format that Prometheus prefers."""

    required_permission = METRICS_PERMISSION
    renderer_classes = [TextRenderer, OpenMetricsRenderer]

    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(ServiceCollector())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})


# Outside of a transaction, so that a query that fails does not break the others.
metrics = transaction.non_atomic_requests(Metrics.as_view())
