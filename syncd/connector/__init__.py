"""The interface every provider implements, what it declares, and how it is found.

The words: an **app** is a provider's product; a **connection** is one user's consent there; a **calendar** is one of
the calendars of a connection, named by the provider's id. A connector is opened for one connection and lives as long as
its credential does. It holds no state that matters: losing it loses nothing.

Rules for a connector:

- Raise the error that says what to do next (`syncd.errors`); never return an empty result for a failure, never retry by
  itself. Each request to the provider goes through `Guard.call`.
- `put_event` is called again with the same `key` after a lost answer or a crash: the second call must not make a second
  event. `unclear` says that an earlier attempt may have happened.
- `changes` gives every change since `cursor` at least once; repeating one is allowed, losing one is not.
- Only fields of `Event` are written. Whatever else a person put on the event survives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict

from syncd.errors import ProviderError
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Event, Probe, Receipt, RemoteCalendar
from syncd.model.time import Window

from .consent import ClientSettings, ConsentFlow
from .push import PushRules

if TYPE_CHECKING:
    from syncd.provider.guard import Guard

T = TypeVar("T")

KnownVersions = Callable[[], Mapping[str, str]]
"""Loads item -> version of what the store holds of a calendar. Costs a query: call it only when it is needed."""


class Ability(StrEnum):
    """What a connector can do, beyond listing calendars and reading busy times; ACTIVITIES makes it one of a CRM."""

    WRITE = "write"
    CHANGES = "changes"
    PUSH = "push"
    SCHEDULES = "schedules"
    CONFERENCE = "conference"
    RECURRENCE = "recurrence"
    RSVP = "rsvp"
    PRIVATE = "private"
    REMINDERS = "reminders"
    ALL_DAY = "all-day"
    ETAG = "etag"
    ACTIVITIES = "activities"
    ROUTING = "routing"


class Credential(BaseModel):
    """The secret part of a connection. Subclasses name the fields; `secrets` lists those never to be shown.

    Fields are checked on every way in (command line, webhook, file). Unknown fields are kept: a platform may send more
    than we use, and asks it back.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)


class ConnectionSettings(BaseModel):
    """Settings of one connection that are no secret. Subclasses name the fields; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRead:
    """How one calendar's busy times are to be read.

    `owner_emails` are the addresses whose declined invitations do not block. `transparent_is_busy` makes events marked
    as not blocking block all the same (some feeds mark everything so). `zone` is used for all-day and floating times
    when the calendar itself names none.
    """

    id: str
    zone: str = "UTC"
    owner_emails: frozenset[str] = frozenset()
    transparent_is_busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a connector is opened with. `credential` is in clear and never leaves the connector.

    `client` is the installation's registration with the app (`ConnectorSpec.client`).
    """

    connection_id: int
    credential: Any
    settings: Any
    guard: Guard
    client: Any = None


class Connector(ABC):
    """One connection to one provider.

    Safe to call from several threads at once. Every method raises `ProviderError` subclasses and nothing else for
    trouble with the provider.
    """

    @abstractmethod
    def probe(self) -> Probe:
        """Ask the provider who we are, at the least cost.

        Raises:
            ReconnectError: the credential is not accepted.
        """

    def calendars(self) -> list[RemoteCalendar]:
        """List every calendar of the connection. Changes nothing, here or there. A CRM has none."""
        return []

    def close(self) -> None:
        """Let go of sockets. The connector is not used afterwards."""
        return


class CalendarConnector(Connector):
    """One connection to one calendar provider."""

    @abstractmethod
    def calendars(self) -> list[RemoteCalendar]:
        """List every calendar of the connection. Changes nothing, here or there."""

    @abstractmethod
    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """Read busy times overlapping `window`, live.

        Each calendar asked for has its entry: its times, or the error that kept them from being read. A trouble that
        concerns all of them (credential, network) is raised.
        """

    @abstractmethod
    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """Read what changed since `cursor`, in pages; None reads everything.

        `window` is what should be covered afterwards; when it reaches beyond what the cursor covers, the connector
        reads the missing part too. `known` gives the versions the store holds, for providers without a trustworthy
        cursor. With `audit`, compare all versions even when the cursor says that nothing changed, and count the
        `repaired`.

        Raises:
            ResyncError: the cursor is dead; the caller starts again with None.
            NotFoundError: the calendar is gone.
        """


class EventConnector(CalendarConnector):
    """A calendar connector that can write (`Ability.WRITE`)."""

    @abstractmethod
    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """Make the event in `calendar` equal to `event` in the fields we own; create it when it is not there.

        `key` is the idempotency key of the create: the same for every attempt. `applied` is what an earlier put
        confirmed; None makes the event, or takes over the one that an earlier attempt made.

        Raises:
            ConflictError: it changed between our read and our write; call again.
            UnclearError: the answer was lost.
            NotFoundError: the calendar is gone; with code `event_gone`: a person deleted the event of `applied`.
            ForbiddenError, RefusedError: see their texts.
        """

    @abstractmethod
    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """Remove the event. An event that is not there (any more) counts as removed.

        `applied` None means an earlier create may have happened without our learning its id: look for it by `key` and
        `uid` first.
        """

    @abstractmethod
    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """Read our event back: the fields of `Event` as the provider holds them; None when it is gone."""


class ScheduleConnector(ABC):
    """What a calendar connector with `Ability.SCHEDULES` implements besides: busy times of other people."""

    @abstractmethod
    def schedules(self, emails: Sequence[str], window: Window) -> Mapping[str, list[BusyTime] | ProviderError]:
        """When people of the same organization are busy, as far as the provider shows it. One entry for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """What a connector package declares under the entry-point group `syncd.connectors`.

    `app` is Cal.com's slug and the entry point's name; `integration` is Cal.com's credential type, as bookings name it.
    `open` makes a connector; it must not touch the network. `limits` are the provider's, per connection.

    `refresh` exchanges the refresh token of a credential: it gives the provider's answer, which `oauth.renewed` reads.
    It asks once, and raises `ReconnectError` (grant refused), `ParkError` with code `client_refused` (wrong client),
    `WaitUntilError`, `RetryError` (nothing was sent) or `UnclearError` (the answer was lost). `refresh_repeatable`: a
    refresh token may be sent again after a lost answer; False where the provider takes each once.

    `client` are the settings of the installation's registration with the app, `consent` how a person connects with
    them, `scopes` what a token must be good for: one of each group. `requests_per_minute` is what the provider allows
    one connection, `app_requests_per_minute` all connections of the registration together. `push` is how it pushes.
    """

    app: str
    title: str
    integration: str
    credential: type[Credential]
    open: Callable[[Opened], Connector]
    settings: type[ConnectionSettings] = ConnectionSettings
    abilities: frozenset[Ability] = frozenset()
    concurrency: int = 4
    requests_per_minute: int | None = None
    app_requests_per_minute: int | None = None
    timeout_s: float = 30.0
    secrets: tuple[str, ...] = ()
    account: Callable[[Any], str] = field(default=lambda _credential: "")
    refresh: Callable[[Opened], Mapping[str, Any]] | None = None
    refresh_repeatable: bool = True
    client: type[ClientSettings] = ClientSettings
    consent: Callable[[Any, Guard], ConsentFlow] | None = None
    scopes: tuple[tuple[str, ...], ...] = ()
    push: PushRules | None = None
