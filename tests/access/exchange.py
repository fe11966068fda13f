"""One request to an application, as a server would pass it on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

HERE = "192.0.2.7"


@dataclass
class Answer:
    """What came back. `raised` is what the application raised besides, for its server's log."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raised: Exception | None = None

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.document["error"]


def ask(
    app: ASGIApp,
    path: str,
    *,
    key: str = "",
    method: str = "GET",
    source: str = HERE,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Send a request with an API key from `source`."""
    given = {**({"authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": (source, 1234),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    return asyncio.run(_exchange(app, scope, body))


async def _exchange(app: ASGIApp, scope: dict[str, Any], body: bytes) -> Answer:
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    try:
        await app(scope, receive, send)
    except Exception as error:
        answer.raised = error
    return answer
