"""Log exceptions that nobody has caught, and warnings: Python would print them in lines that are no JSON."""

import logging
import sys
import threading
from types import TracebackType

logger = logging.getLogger("uncaught")


def log_what_is_uncaught() -> None:
    sys.excepthook = _log
    threading.excepthook = _log_of_thread
    sys.unraisablehook = _log_unraisable
    logging.captureWarnings(capture=True)


def _log(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        logger.info("the process was interrupted")
    else:
        logger.critical("the process ends", exc_info=error)


def _log_of_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value and not isinstance(arguments.exc_value, SystemExit):
        logger.critical("a thread ends", exc_info=arguments.exc_value)


def _log_unraisable(arguments: "sys.UnraisableHookArgs") -> None:
    logger.error("an exception has no caller", exc_info=arguments.exc_value)
