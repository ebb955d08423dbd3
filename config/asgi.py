"""Define the ASGI application that the web server runs."""

import os

from django.core.asgi import get_asgi_application

from config.environment.refusal import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()
refuse_wrong_settings()

from config.metrics.observing import observed  # noqa: E402
from config.web.answers.headers import with_headers  # noqa: E402
from config.web.limits.admission import limited  # noqa: E402
from config.web.limits.slow_clients import cut_off_slow_clients  # noqa: E402
from config.web.requests.asgi_request import CompleteRequest  # noqa: E402 (these need the settings and the models)
from config.web.requests.documented import load_documented_operations  # noqa: E402
from config.web.server.handlers import chosen_by_view  # noqa: E402
from config.web.server.protocols import http_alone  # noqa: E402
from config.web.server.static_files import with_static_files  # noqa: E402
from readmodel.index.client import load_client  # noqa: E402

served = with_static_files(limited(chosen_by_view(django_application, CompleteRequest)))
application = cut_off_slow_clients(with_headers(http_alone(served)))
observed()
load_client()
load_documented_operations()
