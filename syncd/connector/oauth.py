"""OAuth credentials: their fields, the two ways their end is told, and what a refresh makes of them (RFC 6749).

Inside syncd the end of an access token is one thing: `expiry_date`, epoch milliseconds, as Cal.com writes it.
`expires_in` is turned into it where an answer comes in, and is never stored: it means nothing a minute later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import field_validator

from syncd.errors import UnclearError
from syncd.model.time import require_aware

from . import Credential

SERVER_DATE = "server_date"
"""In a refresh's answer: the HTTP Date header, where the provider sent one. Compared with our clock, never stored."""

PLACEHOLDER = "refresh_token"
"""Cal.com's older apps store this text where a platform gave no refresh token."""

SECONDS_BELOW = 100_000_000_000
"""An `expiry_date` below it is in seconds, as Cal.com's Office 365 app wrote them; as milliseconds it would be 1973."""

EPOCH_ABOVE = 1_000_000_000
"""An `expires_in` above it is no span but epoch seconds."""

GRAPH = "https://graph.microsoft.com/"
"""What Microsoft puts before some scopes, and before others not."""

_TRANSIENT = (SERVER_DATE, "expires_in")


class OAuthCredential(Credential):
    """An access token and what renews it. `expiry_date` is in epoch milliseconds, None where nobody told."""

    access_token: str
    refresh_token: str = ""
    expiry_date: int | None = None
    scope: str = ""
    token_type: str = ""

    @field_validator("access_token")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not value:
            raise ValueError("is empty")
        return value

    @field_validator("refresh_token", "scope", "token_type", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return "" if value is None else value

    @field_validator("expiry_date", mode="before")
    @classmethod
    def _milliseconds(cls, value: Any) -> int | None:
        return expiry_ms(value)

    @property
    def expires_at(self) -> datetime | None:
        """When the access token ends, as far as we know."""
        return from_ms(self.expiry_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """A credential after a refresh. `skew` is the server's clock minus ours, None where it did not tell."""

    credential: dict[str, Any]
    expires_at: datetime | None
    skew: timedelta | None


def renewed(
    old: Mapping[str, Any], answer: Mapping[str, Any], now: datetime, *, default_life: timedelta | None = None
) -> Renewed:
    """What `answer` makes of the credential `old`: new fields win, an answer without refresh token keeps the old one.

    A life told relative to the server's clock is counted from ours, so a clock that is off does not shorten it. With
    no life told, `default_life` from now, or unknown.

    Raises:
        UnclearError: the answer holds no access token; for all we know the old refresh token is used up.
    """
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.strip():
        raise UnclearError("The answer to the refresh holds no access token.", code="refresh_answer_unusable")
    told = {k: v for k, v in answer.items() if v is not None and k not in _TRANSIENT}
    if told.get("refresh_token") in ("", PLACEHOLDER):
        del told["refresh_token"]
    skew = _skew(answer.get(SERVER_DATE), now)
    expires_at = _end(answer, now, skew, default_life)
    return Renewed(credential=_ending({**old, **told}, expires_at), expires_at=expires_at, skew=skew)


def settled(credential: Mapping[str, Any], now: datetime, *, default_life: timedelta | None = None) -> dict[str, Any]:
    """A credential that just came in, ready to be stored: with an absolute end, in milliseconds.

    One that has no access token is not OAuth's and stays as it is.
    """
    if not credential.get("access_token"):
        return dict(credential)
    return _ending(credential, _end(credential, now, None, default_life))


def expires_at(credential: Mapping[str, Any]) -> datetime | None:
    """When a stored credential's access token ends; None when nobody knows, or there is none."""
    return from_ms(expiry_ms(credential.get("expiry_date")))


def expiry_ms(value: Any) -> int | None:
    """An `expiry_date` in milliseconds, however it was written: number or text, seconds or milliseconds."""
    number = _number(value)
    if number is None or number <= 0:
        return None
    return int(number * 1000) if number < SECONDS_BELOW else int(number)


def missing_scopes(groups: Iterable[Iterable[str]], granted: str) -> list[str]:
    """What a token that says what it is good for lacks: of each group without a granted scope, all that would do.

    Providers part scopes with spaces (RFC 6749, section 3.3) or with commas (Zoho); Microsoft puts its address before
    some of them.
    """
    given = {scope.removeprefix(GRAPH).casefold() for scope in granted.replace(",", " ").split()}
    return [" or ".join(group) for group in groups if not given & {scope.casefold() for scope in group}]


def to_ms(moment: datetime | None) -> int | None:
    """Epoch milliseconds."""
    return None if moment is None else int(moment.timestamp() * 1000)


def from_ms(value: int | None) -> datetime | None:
    """The time of epoch milliseconds; None also for one no calendar has."""
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _end(
    answer: Mapping[str, Any], now: datetime, skew: timedelta | None, default_life: timedelta | None
) -> datetime | None:
    """`expires_in` counts from now; `expiry_date` is by the server's clock; else the default."""
    span = _number(answer.get("expires_in"))
    if span is not None and 0 < span <= EPOCH_ABOVE:
        return now + timedelta(seconds=span)
    absolute = from_ms(expiry_ms(span if span and span > 0 else answer.get("expiry_date")))
    if absolute is not None:
        return absolute - (skew or timedelta())
    return now + default_life if default_life else None


def _ending(credential: Mapping[str, Any], end: datetime | None) -> dict[str, Any]:
    """The credential with its end told in the one way we keep."""
    kept = {k: v for k, v in credential.items() if k not in ("expiry_date", *_TRANSIENT)}
    return kept if end is None else {**kept, "expiry_date": to_ms(end)}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None


def _skew(date: Any, now: datetime) -> timedelta | None:
    if not isinstance(date, str):
        return None
    try:
        return require_aware(parsedate_to_datetime(date)) - now
    except (ValueError, TypeError, OverflowError):
        return None
