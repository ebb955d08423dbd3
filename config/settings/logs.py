"""What is logged."""

from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "Basics")
LOG_LEVEL = env.log_level("LOG_LEVEL", default="INFO", meaning="the level of the log on standard error")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "correlation": {"()": "events.correlation.CorrelationFilter"},
        "refusals": {"()": "config.log_lines.RefusalFilter"},
    },
    "formatters": {
        "line": {
            "class": "config.log_lines.LineFormatter",
            "format": "{asctime} {levelname} {name}{correlation} {message}",
            "style": "{",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["correlation", "refusals"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "elastic_transport": {"level": "ERROR"},
        "fontTools": {"level": "WARNING"},
        # They tell each slice of a job.
        "django.tasks": {"level": "WARNING"},
        "django_tasks_db": {"level": "WARNING"},
    },
}
