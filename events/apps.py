from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Events")
    default_auto_field = "django.db.models.BigAutoField"  # The migrations have it, whatever the project's default is.

    def ready(self) -> None:
        from events import checks  # noqa: F401, PLC0415 (registers them)
        from events.log.partitions import create_partitions  # noqa: PLC0415 (needs the models)
        from events.schemas import checks as type_checks  # noqa: F401, PLC0415 (registers them)

        autodiscover_modules("events")  # A process that doesn't know all events would park the others.
        post_migrate.connect(create_partitions, sender=self)
