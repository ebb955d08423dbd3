"""Show the documentation of the REST API, with Swagger UI and with Redoc, each under a Content-Security-Policy."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

# Swagger UI has its icons in its style sheet.
POLICY: Mapping[str, Sequence[str]] = {**settings.SECURE_CSP, "img-src": [CSP.SELF, "data:"]}
# Redoc makes its styles while it runs. The page has nothing of a person, and scripts stay as strict as elsewhere.
REDOC_POLICY: Mapping[str, Sequence[str]] = {**POLICY, "style-src": [CSP.SELF, CSP.UNSAFE_INLINE]}

api_docs = csp_override(POLICY)(SpectacularSwaggerSplitView.as_view(template_name="config/api_docs.html"))
redoc = csp_override(REDOC_POLICY)(SpectacularRedocView.as_view(template_name="config/redoc.html"))
