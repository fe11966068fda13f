"""Push: a provider calls us when a calendar changes. It only says "look again"; what changed is read by a cursor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from syncd.model.calendar import Channel


class PushConnector(ABC):
    """What a calendar connector with `Ability.PUSH` implements besides.

    Every method raises `ProviderError` subclasses as the rest of the connector does.
    """

    @abstractmethod
    def watch(self, calendar: str, address: str, channel_id: str, token: str) -> Channel:
        """Ask the provider to call `address` when `calendar` changes, and to show `token` with each call.

        `channel_id` is the id to be known by, where the provider lets its clients choose; else the channel has its own.
        """

    @abstractmethod
    def renew(self, channel: Channel) -> Channel | None:
        """Have the channel last longer; None where the provider cannot, and a new one is to be made beside it.

        Raises:
            NotFoundError: the provider has no such channel any more; make a new one and look for what was missed.
        """

    @abstractmethod
    def unwatch(self, channel: Channel) -> None:
        """Stop the channel. One that is not there any more counts as stopped."""


class PushKind(StrEnum):
    """What a provider's call says.

    CHANGED: look again. READY: the channel is set up. MISSED: calls were lost, look again. GONE: the channel is no
    more, make another and look again. RENEW: it ends soon unless it is renewed.
    """

    CHANGED = "changed"
    READY = "ready"
    MISSED = "missed"
    GONE = "gone"
    RENEW = "renew"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """A provider's call as it came. Header names are in small letters."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PushNotice:
    """One thing a call says. Not believed before `token` is the one the channel was made with."""

    channel_id: str
    token: str
    kind: PushKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAnswer:
    """What a call says, and what it is answered with when all its notices are believed.

    `text` is sent as text/plain, escaped by nobody: only a provider's handshake asks for it.
    """

    notices: tuple[PushNotice, ...] = ()
    status: int = 200
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRules:
    """How a provider pushes.

    `read` is pure: it understands a call, and raises InputError for one that is not of its provider. `life` is how long
    a channel is asked to last; it is renewed once less than a quarter of that is left.
    """

    read: Callable[[PushRequest], PushAnswer]
    life: timedelta
