"""Delegation credentials as Cal.com has them (facts: calcom-calendars, 2.7 and 5).

    platform    app                 fields of its key
    google      google-calendar     client_email, private_key: of a service account's JSON, as Google gives it
    office365   office365-calendar  tenant_id, client_id, private_key: the secret of an application of the tenant

A key may have more fields; they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.errors import InputError

ERROR_TYPE = "CalendarAppDelegationCredentialError"


@dataclass(frozen=True, slots=True)
class Platform:
    """A workspace platform: the app its people are connected to, Cal.com's type of that, and the fields of a key."""

    app: str
    type: str
    fields: tuple[str, ...]


PLATFORMS: Mapping[str, Platform] = {
    "google": Platform("google-calendar", "google_calendar", ("client_email", "private_key")),
    "office365": Platform("office365-calendar", "office365_calendar", ("tenant_id", "client_id", "private_key")),
}
"""`workspacePlatformSlug` -> the platform."""


def platform_of(slug: str) -> Platform:
    """The platform of that name.

    Raises:
        InputError: there is none.
    """
    if slug not in PLATFORMS:
        raise InputError(f"No platform {slug!r}.", code="unknown_platform", remedy=f"One of: {', '.join(PLATFORMS)}.")
    return PLATFORMS[slug]


def check_key(slug: str, key: object) -> dict[str, Any]:
    """A key that has what its platform's keys have; other fields are kept.

    Raises:
        InputError: it has not. Nothing of it is repeated.
    """
    fields = platform_of(slug).fields
    given = key if isinstance(key, dict) else {}
    missing = [name for name in fields if not (isinstance(given.get(name), str) and given[name].strip())]
    if missing:
        raise InputError(
            f"The key lacks {', '.join(missing)}." if given else "The key is no JSON object.",
            code="bad_key",
            remedy=f"A key for {slug} is a JSON object with {', '.join(fields)}.",
        )
    return dict(given)


def credential_error(
    *,
    message: str,
    connection_id: int | None,
    platform: str,
    delegation_id: int,
    user_id: int | None,
    email: str,
    organization_id: int,
) -> dict[str, Any]:
    """The payload of `DELEGATION_CREDENTIAL_ERROR` (Cal.com, "Webhooks")."""
    known = PLATFORMS[platform]
    return {
        "error": {"type": ERROR_TYPE, "message": message},
        "credential": {
            "id": connection_id,
            "type": known.type,
            "appId": known.app,
            "delegationCredentialId": str(delegation_id),
        },
        "user": {"id": user_id, "email": email, "organizationId": organization_id},
    }
