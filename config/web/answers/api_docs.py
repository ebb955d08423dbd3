"""Show the documentation of the REST API, with Swagger UI, under a strict Content-Security-Policy."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularSwaggerSplitView

# Swagger UI has its icons in its style sheet.
POLICY: Mapping[str, Sequence[str]] = {**settings.SECURE_CSP, "img-src": [CSP.SELF, "data:"]}

api_docs = csp_override(POLICY)(SpectacularSwaggerSplitView.as_view(template_name="config/api_docs.html"))
