"""The page of metrics, for whoever has the permission: by a token, as with the REST API."""

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
    """Lets a client ask for nothing but text; a problem is JSON all the same."""

    media_type = "text/plain"
    format = "text"


class OpenMetricsRenderer(TextRenderer):
    media_type = "application/openmetrics-text"
    format = "openmetrics"


@extend_schema(exclude=True)
class Metrics(APIView):
    """What is measured at this moment, in the format that Prometheus prefers."""

    required_permission = METRICS_PERMISSION
    renderer_classes = [TextRenderer, OpenMetricsRenderer]

    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(ServiceCollector())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type, headers={"Cache-Control": "no-store"})


# Outside of a transaction: a query that fails must not take the others with it.
metrics = transaction.non_atomic_requests(Metrics.as_view())
