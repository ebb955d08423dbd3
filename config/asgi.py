"""Define the ASGI application that the web server runs."""

import os

from config.environment.refusal import refuse_wrong_settings
from config.loading import nothing_collected

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
with nothing_collected():
    refuse_wrong_settings()

    # These need the settings and the models.
    from django.core.asgi import get_asgi_application

    from config.metrics.observing import observed
    from config.web.answers.headers import with_headers
    from config.web.limits.admission import limited
    from config.web.limits.slow_clients import cut_off_slow_clients
    from config.web.requests.asgi_request import CompleteRequest
    from config.web.requests.documented import load_documented_operations
    from config.web.server.handlers import chosen_by_view
    from config.web.server.protocols import http_alone
    from config.web.server.static_files import with_static_files
    from readmodel.index.client import load_client

    django_application = get_asgi_application()
    served = with_static_files(limited(chosen_by_view(django_application, CompleteRequest)))
    application = cut_off_slow_clients(with_headers(http_alone(served)))
    observed()
    load_client()
    load_documented_operations()
