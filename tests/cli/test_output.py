"""Tables: for a pipe, a wide terminal and a narrow one."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from syncd.cli import output

COLUMNS = ("uid", "title", "problem", "organizer")
ROWS = [("kT3vWq9pXyAbCdEf12345", "A talk about a great many things", "", "anna.mueller@example.com")]


def shown(
    monkeypatch: pytest.MonkeyPatch, rows: Sequence[tuple[str, ...]], width: int, *, terminal: bool = True
) -> str:
    file = io.StringIO()
    monkeypatch.setattr(
        output, "console", Console(file=file, force_terminal=terminal, width=width, no_color=True, highlight=False)
    )
    output.print_table(COLUMNS, rows, "Nothing.")
    return file.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_off_a_terminal_a_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(COLUMNS, [*ROWS, ("u", "t " * 200, "", "o")], "Nothing.")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_column_without_content_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "problem" not in shown(monkeypatch, ROWS, 200)


def test_a_terminal_that_is_narrow_wraps_between_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, ROWS, 72).splitlines()
    assert len(lines) > 2
    for word in " ".join(ROWS[0]).split():
        assert any(word in line for line in lines)
    assert max(map(len, lines)) <= 72


def test_a_terminal_too_narrow_for_the_table_shows_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, ROWS, 48).splitlines()
    assert [line.split()[0] for line in lines if line[:1].strip()] == ["uid", "title", "organizer"]
    assert any(line.split() == ["uid", ROWS[0][0]] for line in lines)


def test_what_others_wrote_is_no_markup_and_no_control_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(monkeypatch, [("[/]", "[red]\x1b]0;owned\x07", "\\", "a\nb")], 200)
    assert "[/]" in told
    assert "[red] ]0;owned" in told
    assert "\x1b" not in told
    assert "a b" in told


def test_nothing_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [], 80) == "Nothing.\n"
