"""Map the project's URLs to views."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from config.metrics.views import metrics
from config.web.answers.api_docs import api_docs, redoc
from config.web.gate import gate_page, worker
from config.web.health.views import healthz, readyz
from config.web.lookup import lookup
from config.web.requests.language import choose_language

admin.autodiscover()

urlpatterns = [
    path("", include("readmodel.tickets.pages.urls")),
    path("", include("config.box_office.urls")),
    path("lookup/", lookup, name="lookup"),
    path("gate/", gate_page, name="gate"),
    path("gate/worker.js", worker, name="gate-worker"),
    path("language/", choose_language, name="set_language"),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("tickets.api.urls")),
    path("api/", include("readmodel.tickets.api.urls")),
    path("api/", include("config.feed.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", api_docs, name="docs"),
    path("api/redoc/", redoc, name="redoc"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400 = "config.web.answers.error_pages.bad_request"
handler403 = "config.web.answers.error_pages.forbidden"
handler404 = "config.web.answers.error_pages.not_found"
handler500 = "config.web.answers.error_pages.server_error"
