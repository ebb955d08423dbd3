"""The project's addresses."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.health import healthz, readyz
from config.lookup import lookup
from config.metrics.views import metrics

urlpatterns = [
    path("", include("readmodel.tickets.pages.urls")),
    path("lookup/", lookup, name="lookup"),
    path("admin/", admin.site.urls),
    path("api/", include("tickets.urls")),
    path("api/", include("readmodel.tickets.api.urls")),
    path("api/", include("config.feed.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(), name="docs"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"
