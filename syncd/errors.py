"""Every error of syncd, grouped by what to do next.

    SyncdError
    ├── ProviderError              a provider call did not do what was asked; the class says what to do next
    │   ├── RetryError             try again after a back-off
    │   │   ├── UnclearError       the answer was lost: it may have happened, look before repeating
    │   │   └── WaitUntilError     try again, not before `retry_at`
    │   ├── RefreshError           the access token is not accepted: refresh it, then once more
    │   ├── ReconnectError         a person must connect again; the connection becomes invalid
    │   ├── ResyncError            the cursor is dead: read from the start into a new generation
    │   ├── ConflictError          somebody changed it meanwhile: read again, plan again
    │   ├── RepairError            drop the named fields, write the rest
    │   └── ParkError              no repeat will help until a person acts
    │       ├── NotFoundError      the place (calendar, module) is not there
    │       ├── ForbiddenError     the place is there, and not ours to use
    │       └── RefusedError       the provider refuses this content
    ├── InputError                 what came in cannot be used; the sender can mend it
    ├── ConfigError                configuration or command line; lists every problem
    ├── VaultError                 keys and envelopes
    │   ├── KeyMissingError  ├── KeyWrongError  └── EnvelopeError
    └── StoreError                 the database is not usable as it is

A message never contains a secret, a request or response body, or a URL's user info and query.
`code` is stable and short, for logs and metrics; `remedy` says what a person can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class SyncdError(Exception):
    """Something syncd can name. `code` is stable; `remedy` is advice for a person, or empty."""

    code: str = "error"
    remedy: str = ""

    def __init__(self, message: str, *, code: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if remedy is not None:
            self.remedy = remedy

    def __str__(self) -> str:
        return self.message


class ProviderError(SyncdError):
    """A provider call failed. `status` is the protocol's status, `request_id` the provider's own, when known."""

    code = "provider_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        remedy: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.status = status
        self.request_id = request_id


class RetryError(ProviderError):
    """Passing trouble: nothing happened there, try again later."""

    code = "unavailable"
    remedy = "Nothing to do: syncd tries again."


class UnclearError(RetryError):
    """The request went out and no answer came back. It may have been carried out: look before repeating."""

    code = "unclear"


class WaitUntilError(RetryError):
    """The provider refuses more requests for now, or a limit of ours is reached. `told`: the provider itself named the
    time (`Retry-After`); else the guard decides how long.
    """

    code = "throttled"

    def __init__(
        self,
        message: str,
        *,
        retry_at: datetime,
        status: int | None = None,
        code: str | None = None,
        told: bool = True,
    ) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_at = retry_at
        self.told = told


class RefreshError(ProviderError):
    """The access token was not accepted; a refreshed one may be."""

    code = "token_refused"


class ReconnectError(ProviderError):
    """The credential is expired, revoked or wrong: only a person can mend that."""

    code = "credential_refused"
    remedy = "Give a working credential: syncd connections reconnect ID"


class ResyncError(ProviderError):
    """The provider no longer knows the cursor."""

    code = "cursor_expired"


class ConflictError(ProviderError):
    """The version we held is not the current one."""

    code = "conflict"


class RepairError(ProviderError):
    """The provider refuses `fields`; without them the rest can be written."""

    code = "fields_refused"

    def __init__(self, message: str, *, fields: tuple[str, ...], status: int | None = None) -> None:
        super().__init__(message, status=status)
        self.fields = fields


class ParkError(ProviderError):
    """No repeat will help until a person acts."""

    code = "refused"


class NotFoundError(ParkError):
    """The calendar or object asked for is not there (or not shown to this account)."""

    code = "not_found"
    remedy = "Look what is there: syncd calendars list --refresh; then choose another calendar."


class ForbiddenError(ParkError):
    """The account may not do this here."""

    code = "forbidden"
    remedy = "Give the account write access at the provider, or choose another calendar: syncd calendars destination"


class RefusedError(ParkError):
    """The provider refuses this content as it is."""

    code = "content_refused"
    remedy = "Read the message, change the booking or the event type's settings, then: syncd bookings retry UID"


class InputError(SyncdError):
    """What came in cannot be used. Nothing was changed."""

    code = "bad_input"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file or a command line: where, what, and what to do."""

    where: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + (f" {self.remedy}" if self.remedy else "")


class ConfigError(SyncdError):
    """The configuration or the command line cannot be used; `problems` holds every one found."""

    code = "bad_config"

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = (), remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.problems = problems


class VaultError(SyncdError):
    """A credential cannot be sealed or opened."""

    code = "vault"


class KeyMissingError(VaultError):
    """No key with the id the envelope names is in the ring."""

    code = "key_missing"


class KeyWrongError(VaultError):
    """The key with that id does not open the envelope, or the envelope belongs to another row."""

    code = "key_wrong"


class EnvelopeError(VaultError):
    """The envelope is damaged: truncated, of an unknown version, or not an envelope at all."""

    code = "envelope_damaged"


class StoreError(SyncdError):
    """The database cannot be used as it is."""

    code = "store"
