"""Serve the static files, before Django and with time for the browser to keep them."""

import logging
from pathlib import Path

from django.conf import settings
from servestatic import ServeStaticASGI

from config.web.asgi_types import Application

logger = logging.getLogger(__name__)

MAX_AGE_SECONDS = 600
"""Their names stay the same from release to release."""


def with_static_files(application: Application) -> Application:
    """Answer what is in STATIC_ROOT, and leave the rest to the application."""
    if not Path(settings.STATIC_ROOT).is_dir():
        logger.warning("there are no static files: run manage.py collectstatic")
        return application
    served: Application = ServeStaticASGI(
        application,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        max_age=MAX_AGE_SECONDS,
        allow_all_origins=False,
    )
    return served
