from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events import checks  # noqa: F401, PLC0415 (registers them)
        from events.partitions import create_partitions  # noqa: PLC0415 (needs the models)

        post_migrate.connect(create_partitions, sender=self)
