"""Settings under which django-elasticsearch-dsl runs beside this project, in the same process."""

from config.settings import *  # noqa: F403
from config.settings import ELASTICSEARCH_URL, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_elasticsearch_dsl"]
ELASTICSEARCH_DSL = {"default": {"hosts": ELASTICSEARCH_URL}}
