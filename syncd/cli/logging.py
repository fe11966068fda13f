"""Log set-up: JSON under systemd or into a file, readable on a terminal; always to standard error."""

from __future__ import annotations

import logging
import sys

import structlog

from syncd.settings import Log


def configure(settings: Log) -> None:
    """Set up logging by the settings. Libraries' own debug logs stay off: they may show requests."""
    readable = settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if readable
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # what standard error is then, not now
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
