"""What is logged, and how it is written."""

from config.environment.sections import Section
from config.logs.settings import FORMATS, LINES, logging_settings
from config.settings.variables import environment

env = Section(environment, "Basics")
LOG_FORMAT = env.choice(
    "LOG_FORMAT",
    FORMATS,
    default=LINES,
    meaning="how [the log](../operations/logs.md) is written: `lines` for people, `json` for production",
)
LOG_LEVEL = env.log_level("LOG_LEVEL", default="INFO", meaning="the level of the log on standard error")
LOGGING = logging_settings(form=LOG_FORMAT, level=LOG_LEVEL)
LOGGING_CONFIG = "config.logs.settings.configure"
