"""Cal.com's key objects: what a platform sends as an app's credential, its shape, and how it becomes ours and back.

The fields are Cal.com's own (facts: calcom-calendars, sections 0 and 3.3). Our credential of an app has the same names,
except for the time an access token ends. Cal.com knows it by several names and units; we have one, `expiry_date` in
epoch milliseconds:

    field               unit                                    sent for
    expiry_date         epoch ms (seconds by Outlook's callback) most apps
    expiryDate          epoch ms                                HubSpot, Zoho CRM, Bigin
    expires_in          seconds from now; epoch seconds over 1e9 Zoho Calendar (epoch)
    issued_at + token_lifetime  epoch ms as text, seconds       Salesforce

HubSpot's client writes `accessToken` and the like; read here as `access_token`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from syncd.connector import oauth

from .issues import MISSING, Issue, Path, custom, object_issues, text_issues, texts_issues, wrong_type

OAUTH_TEXTS = ("refresh_token", "token_type", "scope")
OAUTH_NUMBERS = ("expiry_date", "expires_in")
OTHER_NAMES = {
    "accessToken": "access_token",
    "refreshToken": "refresh_token",
    "tokenType": "token_type",
    "expiresIn": "expires_in",
    "expiryDate": "expiry_date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShape:
    """What an app's key object must have.

    `texts` and `lists` must be filled. `identity` names the fields that tell one account of the app from another.
    `wrapped` apps are stored by Cal.com as a JSON text encrypted once more. `spellings` are what the app is called
    elsewhere in Cal.com, and is not its slug.
    """

    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    wrapped: bool = False
    spellings: tuple[str, ...] = ()

    @property
    def has_token(self) -> bool:
        """Whether it is an OAuth token that ends and is refreshed."""
        return "access_token" in self.texts


SHAPES: Mapping[str, KeyShape] = {
    "google-calendar": KeyShape(
        texts=("access_token",),
        identity=("email",),
        spellings=("googlecalendar", "google_calendar", "google"),
    ),
    "office365-calendar": KeyShape(
        texts=("access_token",),
        identity=("email",),
        spellings=("office365calendar", "office365_calendar", "office365"),
    ),
    "apple-calendar": KeyShape(
        texts=("username", "password"),
        identity=("username",),
        wrapped=True,
        spellings=("applecalendar", "apple_calendar", "apple"),
    ),
    "caldav-calendar": KeyShape(
        texts=("username", "password", "url"),
        identity=("username", "url"),
        wrapped=True,
        spellings=("caldavcalendar", "caldav_calendar", "caldav"),
    ),
    "zohocalendar": KeyShape(
        texts=("access_token",),
        identity=("email",),
        spellings=("zoho-calendar", "zoho_calendar"),
    ),
    "ics-feed": KeyShape(
        lists=("urls",), identity=("urls",), wrapped=True, spellings=("ics-feedcalendar", "ics-feed_calendar")
    ),
    "salesforce": KeyShape(
        texts=("access_token", "instance_url"),
        identity=("id",),
        spellings=("salesforce_crm", "salesforce_other_calendar"),
    ),
    "hubspot": KeyShape(
        texts=("access_token",), identity=("hub_id",), spellings=("hubspot_crm", "hubspot_other_calendar")
    ),
    "zohocrm": KeyShape(
        texts=("access_token",), identity=("email",), spellings=("zohocrm_crm", "zohocrm_other_calendar")
    ),
    "zoho-bigin": KeyShape(
        texts=("access_token",), identity=("email",), spellings=("zoho-bigin_crm", "zoho-bigin_other_calendar")
    ),
}
"""App slug -> its key object."""

MAX_DIGITS = 18
"""More than any time in milliseconds has."""

NO_REFRESH_TOKEN = (("refresh_token", ""), ("refresh_token", oauth.PLACEHOLDER))

SPELLINGS = frozenset(spelling for shape in SHAPES.values() for spelling in shape.spellings)


def with_our_names(shape: KeyShape, key: object) -> object:
    """The key object with its token's fields under the names of RFC 6749, and without those that are null."""
    if not shape.has_token or not isinstance(key, dict):
        return key
    other = {ours: key[theirs] for theirs, ours in OTHER_NAMES.items() if theirs in key}
    named = {**other, **{name: value for name, value in key.items() if name not in OTHER_NAMES}}
    return {name: value for name, value in named.items() if value is not None or name == "access_token"}


def shape_issues(shape: KeyShape, key: object) -> list[Issue]:
    """What is wrong with a decrypted key object; empty when it can be used."""
    path: Path = ("keys",)
    if not isinstance(key, dict):
        return object_issues(key, path)
    issues = [i for f in shape.texts for i in text_issues(key.get(f, MISSING), (*path, f), filled=True)]
    texts = [f for f in shape.identity if f not in shape.texts and isinstance(key.get(f), str)]
    issues += [i for f in texts for i in text_issues(key[f], (*path, f))]
    issues += [i for f in shape.lists for i in texts_issues(key.get(f, MISSING), (*path, f))]
    if shape.has_token:
        issues += [i for f in OAUTH_TEXTS if f in key for i in text_issues(key[f], (*path, f))]
        issues += [
            wrong_type("number", key[f], (*path, f)) for f in OAUTH_NUMBERS if f in key and not is_number(key[f])
        ]
    return issues


def model_issues(errors: list[Any]) -> list[Issue]:
    """The errors of a connector's own credential model (pydantic), without what was in the fields."""
    return [custom(str(error["msg"]), ("keys", *error["loc"])) for error in errors]


def to_credential(
    shape: KeyShape, key: Mapping[str, Any], now: datetime, default_life: timedelta | None
) -> dict[str, Any]:
    """Our credential of a key object that has no issues. A token whose end is not told lives for `default_life`."""
    if not shape.has_token:
        return dict(key)
    lasting = with_one_end({name: value for name, value in key.items() if (name, value) not in NO_REFRESH_TOKEN})
    return oauth.settled(lasting, now, default_life=default_life)


def with_one_end(key: Mapping[str, Any]) -> dict[str, Any]:
    """A token's fields with one end: a moment wins over a span, which counts from a time nobody tells."""
    moment = oauth.expiry_ms(key.get("expiry_date")) or _lifetime_end(key)
    if not moment:
        return dict(key)
    return {**{name: value for name, value in key.items() if name != "expires_in"}, "expiry_date": moment}


def to_key_object(app: str, credential: Mapping[str, Any]) -> dict[str, Any]:
    """The key object of our credential, for a Cal.com instance.

    It has no refresh token: two that refresh one connection take each other's tokens away, so Cal.com asks us.
    """
    key = {name: value for name, value in credential.items() if name != "refresh_token"}
    expiry = key.get("expiry_date")
    if isinstance(expiry, int):
        if app == "zohocalendar":
            key["expires_in"] = expiry // 1000
        elif app in ("hubspot", "zohocrm", "zoho-bigin"):
            key["expiryDate"] = expiry
    return key


def identity_of(shape: KeyShape, credential: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells its account from another of the same app; empty when it does not say."""
    found = tuple(str(credential.get(name) or "").casefold() for name in shape.identity)
    return found if all(found) else ()


def is_number(value: object) -> bool:
    """A number of at most `MAX_DIGITS` digits, or one written as text, as some platforms do."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**MAX_DIGITS


def _lifetime_end(key: Mapping[str, Any]) -> int | None:
    """The end of a Salesforce token, in epoch milliseconds."""
    issued, lifetime = key.get("issued_at"), key.get("token_lifetime")
    return int(issued) + int(lifetime) * 1000 if is_number(issued) and is_number(lifetime) else None  # type: ignore[arg-type]
