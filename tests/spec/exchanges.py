"""Exchanges, as the checks read and make them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from syncd.sandbox import Exchange, Request

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
"""The providers' specifications, beside the repository; absent in many a checkout."""


def spec(name: str) -> Any:
    """A specification as JSON; None when it is not there."""
    path = SPECS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def inner(
    outer: Exchange,
    method: str,
    target: str,
    *,
    sent: tuple[Mapping[str, str], bytes],
    status: int | None,
    told: tuple[Mapping[str, str], bytes],
) -> Exchange:
    """A call inside a batch, as an exchange of its own. Headers and body of what was `sent` and `told`."""
    split = urlsplit(target)
    headers, body = sent
    request = Request(
        method=method,
        path=split.path,
        query_string=split.query,
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )
    return Exchange(
        provider=outer.provider,
        request=request,
        template="",
        status=status,
        headers=told[0],
        body=told[1],
        forced=status is None,
    )


def media_type(headers: Mapping[str, str]) -> str:
    """The type of a body, without its parameters; "" when none is named."""
    value = next((v for name, v in headers.items() if name.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower()
