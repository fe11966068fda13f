"""`syncd keys generate`."""

from __future__ import annotations

from pathlib import Path

from .command_line import CommandLine


def test_keys_made_in_one_second_have_ids_of_their_own(syncd: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "more-keys"
    made = [syncd.document("keys", "generate", "--file", file)["key"] for _ in range(3)]
    assert len(set(made)) == 3
    assert [line.partition(":")[0] for line in file.read_text().splitlines()] == made[::-1]
    assert syncd.document("keys", "generate", "--file", file)["current"]
