"""The plain routes in the OpenAPI document: what FastAPI does not serve, described by hand.

Webhooks, credential sync, health and metrics are plain Starlette routes, for speed and for their callers' own wire
contracts. Whoever changes a status there changes it here; a test compares every answer with this description.
"""

from __future__ import annotations

from typing import Any

Operation = dict[str, Any]

SIGNATURE, SYNC_SECRET = "bookingSignature", "credentialSyncSecret"

SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": "X-Cal-Signature-256",
        "description": "Hexadecimal HMAC-SHA256 of the body as it is sent, under a secret of the webhook.",
    },
    SYNC_SECRET: {
        "type": "apiKey",
        "in": "header",
        "name": "calcom-credential-sync-secret",
        "description": "The shared secret of credential sync. The header's name is configurable.",
    },
}

TEXT = {"type": "string"}
USER_ID = {"type": "integer", "description": "The user's id at the scheduling product."}
APP_SLUG = {"type": "string", "description": "The app, as Cal.com spells it.", "examples": ["google-calendar"]}
CREDENTIAL_ID = {"type": "integer", "description": "The connection, where a user has several at an app."}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


MESSAGE = _object({"message": TEXT}, "message")
OUTCOME = _object({"status": {"enum": ["success", "error"]}, "message": TEXT}, "status", "message")
ISSUES = _object({"error": {"type": "array", "items": {"type": "object"}}}, "error")
"""As zod tells what is wrong with a body."""

LISTED = _object(
    {
        "credentials": {
            "type": "array",
            "items": _object({"credentialId": CREDENTIAL_ID, "appSlug": APP_SLUG, "userId": USER_ID}, "appSlug"),
        }
    }
)
TOKEN = _object(
    {
        "access_token": TEXT,
        "expiry_date": {"type": "integer", "description": "Milliseconds since 1970."},
        "token_type": TEXT,
        "scope": TEXT,
    },
    "access_token",
    "expiry_date",
)
DELIVERY = _object(
    {"userId": USER_ID, "appSlug": APP_SLUG, "keys": TEXT, "credentialId": CREDENTIAL_ID},
    "userId",
    "appSlug",
    "keys",
)
TARGET = _object({"userId": USER_ID, "appSlug": APP_SLUG, "credentialId": CREDENTIAL_ID}, "userId")
TOKEN_TARGET = _object({"calcomUserId": USER_ID, "appSlug": APP_SLUG}, "calcomUserId", "appSlug")
HEALTH = _object({"status": TEXT, "reasons": {"type": "array", "items": TEXT}}, "status")
