"""The command with a configuration of its own, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.command_line import CommandLine, configured


@pytest.fixture
def syncd(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("SYNCD_DATABASE_URL", raising=False)
    return CommandLine(configured(tmp_path), capsys, monkeypatch)
