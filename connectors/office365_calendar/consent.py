"""Consent at Microsoft Entra ID, by msal: authorization code with PKCE, and device codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.connector.consent import ConsentFlow, ConsentPage, DeviceCode, Memo
from syncd.connector.oauth import settled
from syncd.errors import ParkError, ReconnectError, RefreshError, RetryError
from syncd.model.clock import Clock, utc_now
from syncd.provider.consent import CONNECT_AGAIN, require_consent, require_scopes
from syncd.provider.guard import Guard

from . import APP, OFFICE365_CALENDAR, MicrosoftClient
from .graph import FixedToken, Graph
from .reading import account_of
from .tokens import app_of, told_by

SCOPES = ("User.Read", "Calendars.ReadWrite", "MailboxSettings.Read")
"""Who it is, the calendars, and the mailbox's time zone, which all-day events are in. msal adds offline_access."""

SHARED = "Calendars.ReadWrite.Shared"

WAITING = frozenset({"authorization_pending", "slow_down"})
LATE = frozenset({"expired_token", "bad_verification_code", "code_expired"})


class MicrosoftFlow(ConsentFlow):
    """The consent of people of `client.tenant`. Entra ID takes any port of http://localhost, and of no other name."""

    loopback = "localhost"

    def __init__(self, client: MicrosoftClient, guard: Guard, *, clock: Clock = utc_now) -> None:
        self._client = client
        self._guard = guard
        self._clock = clock

    @property
    def scopes(self) -> list[str]:
        """What is asked for."""
        return [*SCOPES, *((SHARED,) if self._client.shared else ())]

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """What must be granted. Without MailboxSettings.Read the time zone is not known, and all else works."""
        return (*OFFICE365_CALENDAR.scopes, *(((SHARED,),) if self._client.shared else ()))

    def begin(self, redirect_uri: str, state: str) -> ConsentPage:
        """The page's address. The answer comes as its query: only a page of ours could take a form."""
        app = app_of(self._client, self._guard, clock=self._clock)
        flow = app.run(
            lambda msal_app: msal_app.initiate_auth_code_flow(
                self.scopes,
                redirect_uri=redirect_uri,
                state=state,
                prompt="select_account",
                response_mode="form_post",  # msal warns of everything else, at each call
            )
        )
        url = str(flow.pop("auth_uri")).replace("response_mode=form_post", "response_mode=query")
        return ConsentPage(url=url, memo=flow)

    def finish(self, memo: Memo, answer: Mapping[str, str]) -> dict[str, Any]:
        """Exchange the code, see that enough was granted, and whose account it is."""
        require_consent(answer, APP)
        told = {**answer, "state": memo["state"]}  # the caller has compared it: it is signed
        app = app_of(self._client, self._guard, clock=self._clock)
        return self._credential(app.run(lambda msal_app: msal_app.acquire_token_by_auth_code_flow(dict(memo), told)))

    def begin_device(self) -> DeviceCode | None:
        """A code to type. The registration must allow public client flows."""
        app = app_of(self._client, self._guard, public=True, clock=self._clock)
        flow = app.run(lambda msal_app: msal_app.initiate_device_flow(self.scopes))
        if "user_code" not in flow:
            raise ParkError(
                "Entra ID gives no device code.",
                code="client_refused",
                remedy="Allow public client flows in the registration, or connect with a browser.",
            )
        return DeviceCode(
            url=str(flow["verification_uri"]),
            user_code=str(flow["user_code"]),
            expires_in_s=float(flow["expires_in"]),
            interval_s=float(flow["interval"]),
            memo=flow,
        )

    def poll_device(self, memo: Memo) -> dict[str, Any] | None:
        """Ask once."""
        app = app_of(self._client, self._guard, public=True, clock=self._clock)
        told = app.run(
            lambda msal_app: msal_app.acquire_token_by_device_flow(dict(memo), exit_condition=lambda flow: True)
        )
        error = told.get("error")
        if error in WAITING:
            return None
        if error in LATE:
            raise ReconnectError("Nobody typed the code in time.", code="device_code_expired", remedy=CONNECT_AGAIN)
        if error:
            raise ReconnectError(f"{APP}: consent was not given.", code="consent_denied", remedy=CONNECT_AGAIN)
        return self._credential(told)

    def _credential(self, told: Mapping[str, Any]) -> dict[str, Any]:
        require_scopes(told, self.required, APP)
        kept = told_by(told)
        graph = Graph(
            self._client.graph_url, "/me", FixedToken(kept["access_token"]), self._guard, ca_file=self._client.ca_file
        )
        try:
            kept["email"] = account_of(graph)
        except RefreshError as error:
            raise RetryError(str(error), code="fresh_token_refused", status=error.status) from None
        finally:
            graph.close()
        return settled(kept, self._clock())
