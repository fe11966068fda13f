"""How `syncd` logs, by its settings and by what standard error is."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from syncd.cli.logging import configure
from syncd.settings import Log

LEVELS = ("debug", "info", "warning", "error")

Open = Callable[[Log, bool], io.StringIO]


class Stream(io.StringIO):
    """Standard error that is a terminal or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Configures logging onto a standard error of its own, and takes it back after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def opened(settings: Log, is_terminal: bool) -> io.StringIO:
        stream = Stream(is_terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        root.handlers[:] = []  # as in a process that begins
        configure(settings)
        return stream

    configured = structlog.get_config()
    yield opened
    structlog.configure(**configured)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("settings", "is_terminal"), [(Log(), False), (Log(format="json"), False), (Log(format="json"), True)]
)
def test_each_line_is_a_json_object_where_no_person_reads_or_json_is_asked_for(
    settings: Log, is_terminal: bool, logs: Open
) -> None:
    stream = logs(settings, is_terminal)
    structlog.get_logger().info("write", app="ics-feed", calls=2, what='a "b"\nc')
    structlog.get_logger().warning("busy")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "write", "level": "info", "app": "ics-feed", "calls": 2, "what": 'a "b"\nc'}
    assert (second["event"], second["level"]) == ("busy", "warning")


@pytest.mark.parametrize(
    ("settings", "is_terminal"), [(Log(), True), (Log(format="text"), False), (Log(format="text"), True)]
)
def test_lines_are_readable_at_a_terminal_or_where_text_is_asked_for(
    settings: Log, is_terminal: bool, logs: Open
) -> None:
    stream = logs(settings, is_terminal)
    structlog.get_logger().info("write", app="ics-feed")
    said = stream.getvalue()
    assert "write" in said
    assert "ics-feed" in said
    assert "{" not in said
    assert ("\x1b[" in said) == is_terminal


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("level", LEVELS)
def test_nothing_below_the_level_is_logged(level: str, form: str, logs: Open) -> None:
    stream = logs(Log.model_validate({"level": level, "format": form}), False)
    for each in LEVELS:
        getattr(structlog.get_logger(), each)(f"at-{each}")
    said = stream.getvalue()
    assert [each for each in LEVELS if f"at-{each}" in said] == list(LEVELS[LEVELS.index(level) :])


def test_what_json_cannot_hold_is_told_as_text(logs: Open) -> None:
    stream = logs(Log(format="json"), False)
    structlog.get_logger().info("write", error=ValueError("why"))
    assert json.loads(stream.getvalue())["error"] == "why"


def test_libraries_are_heard_from_warnings_on_at_any_level(logs: Open) -> None:
    stream = logs(Log(level="debug"), False)
    library = logging.getLogger("urllib3.of_this_test")
    library.info("GET /secret")
    library.debug("GET /secret")
    library.warning("retrying")
    assert stream.getvalue() == "WARNING urllib3.of_this_test retrying\n"


def test_standard_error_is_looked_up_when_a_line_is_logged(logs: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = structlog.get_logger()
    before = logs(Log(), False)
    logger.info("one")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    logger.info("two")
    assert ("one" in before.getvalue(), "two" in before.getvalue(), "two" in later.getvalue()) == (True, False, True)
