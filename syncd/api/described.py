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
            "items": _object(
                {"id": CREDENTIAL_ID, "appId": APP_SLUG, "appSlug": APP_SLUG, "invalid": {"type": "boolean"}},
                "id",
                "appId",
                "appSlug",
                "invalid",
            ),
        }
    },
    "credentials",
)
REMOVED = _object(
    {"credentialDeleted": _object({"id": CREDENTIAL_ID, "appId": APP_SLUG}, "id", "appId")}, "credentialDeleted"
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
REVOKED = _object({"error": {"enum": ["invalid_grant"]}}, "error")

DELIVERY = _object(
    {
        "userId": USER_ID,
        "appSlug": APP_SLUG,
        "keys": {"type": "string", "description": "The credential, encrypted as Cal.com does."},
        "credentialId": CREDENTIAL_ID,
    },
    "userId",
    "appSlug",
    "keys",
)
TARGET = _object({"userId": USER_ID, "appSlug": APP_SLUG, "credentialId": CREDENTIAL_ID}, "userId")
TOKEN_TARGET = _object(
    {"calcomUserId": USER_ID, "appSlug": APP_SLUG, "credentialId": CREDENTIAL_ID}, "calcomUserId", "appSlug"
)
BOOKING = _object(
    {
        "triggerEvent": {"type": "string", "examples": ["BOOKING_CREATED"]},
        "createdAt": {"type": "string", "format": "date-time"},
        "payload": {"type": "object"},
    },
    "triggerEvent",
)

CONNECTED = _object(
    {
        "status": {"enum": ["success"]},
        "data": _object(
            {"connectionId": {"type": "integer"}, "app": APP_SLUG, "account": TEXT}, "connectionId", "app", "account"
        ),
    },
    "status",
    "data",
)
FAILED = _object(
    {
        "status": {"enum": ["error"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "path": TEXT,
        "error": _object({"code": TEXT, "message": TEXT}, "code", "message"),
    },
    "status",
    "timestamp",
    "path",
    "error",
)
HEALTH = _object({"status": TEXT}, "status")
READINESS = _object({"status": TEXT, "reasons": {"type": "array", "items": TEXT}}, "status", "reasons")


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the plain routes in it."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes.update(SECURITY_SCHEMES)
    document["paths"] = {
        **_webhooks(),
        **_credential_sync(),
        **_connections(),
        **_health(),
        **document["paths"],
    }
    return document


def _webhooks() -> dict[str, dict[str, Operation]]:
    version = _parameter("X-Cal-Webhook-Version", "header", {"enum": ["2021-10-20"]})
    taken = {
        200: ("Stored, now or before; or its trigger concerns nothing here.", OUTCOME),
        400: ("It cannot be used, and is kept in quarantine.", OUTCOME),
        401: ("No signature, or a wrong one.", OUTCOME),
        413: ("The body is too long.", OUTCOME),
        422: ("The version is not known.", OUTCOME),
        429: ("Too many requests, or too many refused ones.", OUTCOME),
        503: ("It could not be stored; send it again.", OUTCOME),
    }
    operation = _operation("Take a booking webhook of Cal.com", "Webhooks", taken, SIGNATURE)
    return {"/api/webhook/bookings": {"post": {**operation, "parameters": [version], **_json_body(BOOKING)}}}


def _credential_sync() -> dict[str, dict[str, Operation]]:
    credential = "/api/webhook/app-credential"
    issues = {400: ("The body is not of the shape asked for.", ISSUES)}
    unreadable = {500: ("Not JSON, or it does not decrypt: Cal.com's own answer.", MESSAGE)}
    deep = {400: ("Not of the shape asked for, or nested too deep.", {"anyOf": [ISSUES, MESSAGE]})}
    missing = {404: ("No such user, app or credential.", MESSAGE)}
    ambiguous = {409: ("Several credentials could be meant.", MESSAGE)}
    receive = {200: ("Stored.", MESSAGE), **deep, **missing, **unreadable}
    remove = {200: ("Forgotten.", REMOVED), **deep, **missing, **ambiguous, **unreadable}
    token = {
        200: ("A fresh access token.", TOKEN),
        400: (
            "The consent is revoked, or the request is not of the shape asked for.",
            {"anyOf": [REVOKED, ISSUES, MESSAGE]},
        ),
        **missing,
        **ambiguous,
        **unreadable,
        503: ("There is none now; ask again.", MESSAGE),
    }
    form_or_json = {"application/x-www-form-urlencoded": {"schema": TOKEN_TARGET}, **_content(TOKEN_TARGET)}
    return {
        credential: {
            "post": {**_synced("Receive a credential", receive), **_json_body(DELIVERY)},
            "get": {
                **_synced(
                    "List a user's credentials, without secrets", {200: ("Listed.", LISTED), **issues, **missing}
                ),
                "parameters": _queried(required=("userId",)),
            },
            "delete": {**_synced("Forget a credential", remove), **_json_body(TARGET)},
        },
        "/api/credential-sync/token": {
            "post": {
                **_synced("Give Cal.com a fresh access token", token),
                "requestBody": {"required": True, "content": form_or_json},
            }
        },
    }


def _connections() -> dict[str, dict[str, Operation]]:
    """For people: a page, or JSON where that is asked for."""
    told = {
        400: "Nothing is stored: denied, not enough allowed, or a state that is unknown, used or ended.",
        403: "Nothing is stored: the account may not do what is needed.",
        404: "Nothing is stored: the account has no calendars.",
        409: "Nothing is stored: another account than before, or one that is connected already.",
        429: "Too many requests, or unknown states.",
        502: "Nothing is stored: the provider does not answer.",
        503: "Nothing is stored: the provider limits, or the store is not available.",
    }
    answers = {200: ("Connected.", CONNECTED), **{status: (why, FAILED) for status, why in told.items()}}
    operation = _operation("Come back from a provider's consent page", "Connections", answers)
    for answer in operation["responses"].values():
        answer["content"]["text/html"] = {"schema": TEXT}
    operation["responses"]["302"] = {"description": "Connected; on to the address named at the start."}
    parameters = [_parameter(name, "query", TEXT) for name in ("state", "code", "error")]
    return {"/api/connections/callback": {"get": {**operation, "parameters": parameters}}}


def _health() -> dict[str, dict[str, Operation]]:
    ready = {200: ("Ready.", READINESS), 503: ("Not ready, with the reasons.", READINESS)}
    metrics = _operation("Metrics, as Prometheus reads them", "Operation", {})
    metrics["responses"]["200"] = {"description": "Metrics.", "content": {"text/plain": {"schema": TEXT}}}
    return {
        "/healthz": {"get": _operation("Whether it is alive", "Operation", {200: ("Alive.", HEALTH)})},
        "/readyz": {"get": _operation("Whether it is ready", "Operation", ready)},
        "/metrics": {"get": metrics},
    }


def _synced(summary: str, answers: dict[int, tuple[str, dict[str, Any]]]) -> Operation:
    refused = {
        403: ("Credential sync is off, or the secret, timestamp or nonce is wrong.", MESSAGE),
        413: ("The body is too long.", MESSAGE),
        429: ("Too many requests, or too many refused ones.", MESSAGE),
    }
    return _operation(summary, "Credential sync", {**answers, **refused}, SYNC_SECRET)


def _operation(
    summary: str, tag: str, answers: dict[int, tuple[str, dict[str, Any]]], scheme: str | None = None
) -> Operation:
    responses = {
        str(status): {"description": told, "content": _content(schema)}
        for status, (told, schema) in sorted(answers.items())
    }
    return {"summary": summary, "tags": [tag], "security": [{scheme: []}] if scheme else [], "responses": responses}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _json_body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": _content(schema)}}


def _queried(required: tuple[str, ...]) -> list[dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = TARGET["properties"]
    return [{**_parameter(name, "query", schema), "required": name in required} for name, schema in properties.items()]


def _parameter(name: str, where: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "schema": schema}
