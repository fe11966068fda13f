"""Consent: a person lets us use their account, on the provider's own page (RFC 6749, RFC 7636, RFC 8628).

`begin` gives the page's address and a memo, `finish` makes a credential of what the page sends back. The memo holds the
PKCE verifier: it stays on our side, sealed where it is stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

Memo = Mapping[str, Any]
"""What `begin` must find again in `finish`; JSON."""


class ClientSettings(BaseModel):
    """How this installation is registered with an app's provider: `[apps.APP.client]` in the configuration.

    Subclasses name more, such as other addresses for another cloud. The secret is never in the configuration: it comes
    from `client_secret_file`, systemd's credential `syncd-client-secret-APP`, or `$SYNCD_CLIENT_SECRET_APP`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = ""
    client_secret_file: str = ""
    client_secret: SecretStr = SecretStr("")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """Where a person goes to consent, and what `finish` needs again. The memo is secret."""

    url: str
    memo: Memo = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """What a person types, and where, on any other device; `interval_s` is how long to wait between polls."""

    url: str
    user_code: str
    expires_in_s: float
    interval_s: float
    memo: Memo = field(repr=False)


class ConsentFlow(ABC):
    """One app's consent. It asks for every scope the connector needs, and takes no less.

    `loopback` is what this machine is called in the address that a browser on it comes back to: some providers take
    any port of "localhost" only.
    """

    loopback: ClassVar[str] = "127.0.0.1"

    @abstractmethod
    def begin(self, redirect_uri: str, state: str) -> ConsentPage:
        """The consent page that sends the person back to `redirect_uri` with `state`. May ask the provider nothing."""

    @abstractmethod
    def finish(self, memo: Memo, answer: Mapping[str, str]) -> dict[str, Any]:
        """The credential for what the page sent back, the query parameters of `redirect_uri`.

        Raises:
            ReconnectError: code `consent_denied`: the person said no; `scopes_missing`: not all that is needed was
                granted, the message names what is missing; `grant_revoked`: the code is used up or too old.
            ParkError: code `client_refused`: client id or secret are wrong.
            RetryError: the provider cannot be reached, or limits.
        """

    def begin_device(self) -> DeviceCode | None:
        """A code to type on another device; None where the provider has no such flow."""
        return None

    def poll_device(self, memo: Memo) -> dict[str, Any] | None:
        """The credential once the person has consented; None while not yet.

        Raises:
            ReconnectError: as `finish`; code `device_code_expired`: nobody typed it in time.
        """
        raise NotImplementedError
