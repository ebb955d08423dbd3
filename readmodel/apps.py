from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReadModelConfig(AppConfig):
    name = "readmodel"
    verbose_name = _("Readmodel")

    def ready(self) -> None:
        from readmodel import checks  # noqa: F401, PLC0415 (the import registers them)
