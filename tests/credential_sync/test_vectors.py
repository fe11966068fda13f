"""Credentials encrypted by Node's crypto arrive whole: a committed set, and live where node is present."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.source.key_objects import SHAPES

from .conftest import ACCESS, GOOGLE, TOKEN, World

HERE = Path(__file__).parent
COMMITTED = json.loads((HERE / "vectors.json").read_text())
VECTORS = COMMITTED["vectors"]
ENDS = datetime(2026, 1, 3, 0, 26, 40, tzinfo=UTC)
"""1767400000: the end of every token of the vectors, in whichever field and unit it is told."""

node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")


def run_node(*arguments: str, text: str = "") -> str:
    command = ["node", str(HERE / "make_vectors.js"), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{v['app']}-{n}" for n, v in enumerate(VECTORS)])
def test_what_node_encrypted_is_stored_whole(world: World, vector: dict[str, Any]) -> None:
    access = replace(ACCESS, key=vector["key"], storage_key=COMMITTED["storage_key"])
    status, _ = world.caller(access).post(appSlug=vector["app"], keys=vector["keys"])
    assert status == 200
    stored, sent = world.credential(1), vector["object"]
    (row,) = world.connections()
    if not SHAPES[vector["app"]].has_token:
        assert stored == sent
        assert row.token_expires_at is None
        return
    assert stored["access_token"] == sent.get("access_token", sent.get("accessToken"))
    assert stored["refresh_token"] == sent.get("refresh_token", sent.get("refreshToken"))
    assert row.token_expires_at == ENDS
    assert "expires_in" not in stored


def test_the_vectors_have_every_app() -> None:
    assert {vector["app"] for vector in VECTORS} == set(SHAPES)


@node
def test_the_committed_vectors_are_what_node_makes() -> None:
    assert json.loads(run_node()) == COMMITTED


@node
def test_what_node_encrypts_now_is_stored_whole(world: World) -> None:
    sent = {**TOKEN, "scope": "Kalender, änderbar – 日本語 𝄞"}
    assert world.caller().post(keys=run_node("encrypt", text=json.dumps(sent)))[0] == 200
    assert world.credential(1) == sent
    assert world.connections()[0].app == GOOGLE
