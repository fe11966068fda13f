"""How Graph refuses: `{error: {code, message, innerError}}`. Source: the OpenAPI's odata error, and the facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from .kernel import Answer


class GraphError(Exception):
    """A refusal."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def answer(self, now: datetime, client_request_id: str = "") -> Answer:
        """The refusal as it is sent."""
        told, headers = refusal(self.code, self.message, now, client_request_id)
        return Answer(self.status, told, {**headers, **self.headers})


def refusal(
    code: str, message: str, now: datetime, client_request_id: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """An error's body and the headers that name its request."""
    request_id = str(uuid4())
    inner = {
        "date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "request-id": request_id,
        "client-request-id": client_request_id or request_id,
    }
    return {"error": {"code": code, "message": message, "innerError": inner}}, {"request-id": request_id}


def unauthorized() -> GraphError:
    """An access token that is not, or not any more, good."""
    headers = {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}
    message = "Access token has expired or is not yet valid."
    return GraphError(401, "InvalidAuthenticationToken", message, headers=headers)


def denied() -> GraphError:
    """The token, or the calendar, does not allow it."""
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def not_found(message: str = "The specified object was not found in the store.") -> GraphError:
    """An item that is not there."""
    return GraphError(404, "ErrorItemNotFound", message)
