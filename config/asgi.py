"""Define the ASGI application that the web server runs."""

import os

from django.core.asgi import get_asgi_application

from config.environment import refuse_wrong_settings
from config.web.slow_clients import cut_off_slow_clients
from readmodel.index.client import load_client

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = cut_off_slow_clients(get_asgi_application())
refuse_wrong_settings()
load_client()
