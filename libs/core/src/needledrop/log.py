"""Structured logs: one JSON object a line (or coloured text for a terminal), with the ids of the job at hand."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from needledrop.settings import CoreSettings

# A frame's variables may be keys, passwords and whole requests.
WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logging(settings: CoreSettings, service: str) -> None:
    """Send structlog's and the standard library's records to stderr in the chosen format, each with `service`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor]
    if settings.log_format == "json":
        last = [
            structlog.processors.ExceptionRenderer(WITHOUT_LOCALS),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    structlog.contextvars.bind_contextvars(service=service)


@contextmanager
def job_context(**ids: object) -> Iterator[None]:
    """Put the ids (as text) on every record logged inside the block."""
    with structlog.contextvars.bound_contextvars(**{key: str(value) for key, value in ids.items()}):
        yield


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
