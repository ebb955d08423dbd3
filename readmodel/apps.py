from django.apps import AppConfig


class ReadModelConfig(AppConfig):
    name = "readmodel"

    def ready(self) -> None:
        from readmodel import checks  # noqa: F401, PLC0415 (the import registers them)
