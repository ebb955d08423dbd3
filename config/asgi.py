"""The application that the web server runs."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

import readmodel.index  # noqa: E402, F401 (the first search must not wait until the client is loaded)
