"""Zoho's accounts servers: data centres, tokens, consent. The same for Zoho Calendar, Zoho CRM and Bigin.

An account lives in one data centre, and its tokens are worth something there only. Credentials and redirects name it in
several ways: Cal.com's `server_location`, the redirect's `location` and `accounts-server`, the token answer's
`api_domain`. None of these is ever followed: each must be on the list, all must mean the same data centre, and requests
go to the list's own addresses. (Cal.com posts its client secret to whatever host a redirect names; facts: calcom-crm,
section 4.)

Refresh tokens do not rotate. An account may have 10 access tokens of one in 10 minutes, and "too many requests
continuously" locks it out of all of Zoho (facts: zoho-crm, oauth); so a token is left alone for `LEAST_BETWEEN`, by the
time it was given, which all processes see in the credential itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from syncd.connector.consent import ClientSettings
from syncd.connector.oauth import OAuthCredential
from syncd.errors import ProviderError, ReconnectError, RefreshError, WaitUntilError
from syncd.model.clock import Clock, utc_now

from .client import Answer, HttpClient
from .consent import CONNECT_AGAIN, CodeFlow, Endpoints, ask_token, require_client, token_refusal
from .guard import Guard
from .http import error_for_status
from .oauth import token_answer

PROFILE_SCOPE = "AaaServer.profile.READ"
"""To be told whose account it is."""

SCHEME = "Zoho-oauthtoken"

TOKEN_LIFE = timedelta(hours=1)
LEAST_BETWEEN = timedelta(minutes=10)
"""Between two refreshes of a credential; and how long to wait where Zoho says that there were too many."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""Those of two machines of ours, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCentre:
    """One of Zoho's data centres. `location` is what redirects call it; `domain` what its products' hosts end with."""

    location: str
    domain: str
    accounts: str
    api_domain: str

    @property
    def server_location(self) -> str:
        """What Cal.com calls it: what comes after `zoho.`."""
        return self.domain.removeprefix("zoho.")


DataCentres = Mapping[str, DataCentre]
"""By location."""


def _own(location: str, domain: str, api_domain: str) -> DataCentre:
    return DataCentre(
        location=location, domain=domain, accounts=f"https://accounts.{domain}", api_domain=f"https://{api_domain}"
    )


ZOHOS: DataCentres = {
    each.location: each
    for each in (
        _own("us", "zoho.com", "www.zohoapis.com"),
        _own("eu", "zoho.eu", "www.zohoapis.eu"),
        _own("in", "zoho.in", "www.zohoapis.in"),
        _own("au", "zoho.com.au", "www.zohoapis.com.au"),
        _own("jp", "zoho.jp", "www.zohoapis.jp"),
        _own("cn", "zoho.com.cn", "www.zohoapis.com.cn"),
        _own("ca", "zohocloud.ca", "www.zohoapis.ca"),
        _own("sa", "zoho.sa", "www.zohoapis.sa"),
        _own("uk", "zoho.uk", "www.zohoapis.uk"),
    )
}
"""Zoho's data centres (facts: zoho-crm, data_centres; `uk` from calcom-crm, section 9)."""

_NAMES = ("location", "server_location")
_ADDRESSES = ("accounts-server", "accounts_server", "accountServer", "api_domain")


def data_centres(accounts_url: str = "") -> DataCentres:
    """The list: Zoho's own; or those of a Zoho elsewhere, such as the sandbox, whose data centres are the beginnings of
    paths (`/eu`; none for `us`).
    """
    if not accounts_url:
        return ZOHOS
    return {
        location: DataCentre(
            location=location,
            domain=own.domain,
            accounts=accounts_url + prefix(location),
            api_domain=f"{accounts_url}{prefix(location)}/zohoapis",
        )
        for location, own in ZOHOS.items()
    }


def prefix(location: str) -> str:
    """What the paths of a data centre begin with where all have one address."""
    return "" if location == "us" else f"/{location}"


def data_centre_of(told: Mapping[str, Any], known: DataCentres, *, default: str = "us") -> DataCentre:
    """The data centre that a credential, a redirect or a token answer names; `default` where it names none.

    Raises:
        ReconnectError: code `data_centre_unknown`: what it names is not on the list, or is two of them.
    """
    found = set()
    for field in (*_NAMES, *_ADDRESSES):
        value = told.get(field)
        if value in (None, ""):
            continue
        location = _located(field, value, known)
        if location is None:
            raise _unknown(f"`{field}` is none of Zoho's that syncd knows")
        found.add(location)
    if len(found) > 1:
        raise _unknown("its parts name several")
    return known[found.pop() if found else default]


def _located(field: str, value: Any, known: DataCentres) -> str | None:
    said = str(value).strip().rstrip("/").lower()
    for location, centre in known.items():
        names = (location, centre.server_location) if field in _NAMES else (centre.accounts, centre.api_domain)
        if said in names:
            return location
    return None


def _unknown(why: str) -> ReconnectError:
    return ReconnectError(
        f"Zoho's data centre is not clear: {why}. Nothing was sent there.",
        code="data_centre_unknown",
        remedy=CONNECT_AGAIN,
    )


# tokens


def refreshed(
    app: str,
    credential: OAuthCredential,
    client: ClientSettings,
    known: DataCentres,
    guard: Guard,
    *,
    clock: Clock = utc_now,
) -> dict[str, Any]:
    """The answer of the credential's own accounts server to its refresh token, as `ConnectorSpec.refresh` gives it.

    Raises:
        WaitUntilError: it was refreshed less than `LEAST_BETWEEN` ago, or Zoho says that there were too many.
        ReconnectError: the grant is gone, or the data centre is not on the list.
        ParkError, RetryError: as `token_answer`.
    """
    require_client(client, app)
    require_rest(credential, clock(), app)
    centre = data_centre_of(credential.model_dump(), known)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": credential.refresh_token,
        "client_id": client.client_id,
        "client_secret": client.client_secret.get_secret_value(),
    }
    http = HttpClient(guard, token_refusal)
    try:
        answer = ask_token(http, token_url(centre), form, app)
    finally:
        http.close()
    told = read_token(answer, clock(), app, "refresh")
    data_centre_of({"location": centre.location, **told}, known)
    return told


def require_rest(credential: OAuthCredential, now: datetime, app: str) -> None:
    """Raises WaitUntilError for a token that was given less than `LEAST_BETWEEN` ago.

    When that was, its end tells: they live for an hour. One that lives longer is not of Zoho's giving, and tells
    nothing.
    """
    left = credential.expires_at - now if credential.expires_at else timedelta()
    if TOKEN_LIFE - LEAST_BETWEEN < left <= TOKEN_LIFE + CLOCKS_DIFFER:
        raise WaitUntilError(
            f"{app}: the token was refreshed less than {LEAST_BETWEEN.seconds // 60} minutes ago.",
            retry_at=now + left - TOKEN_LIFE + LEAST_BETWEEN,
            code="refreshed_lately",
        )


def token_url(centre: DataCentre) -> str:
    """Where a data centre's tokens are."""
    return f"{centre.accounts}/oauth/v2/token"


def read_token(answer: Answer, now: datetime, app: str, operation: str) -> dict[str, Any]:
    """The answer of a token endpoint. Zoho refuses with status 200 as well, and names no time when it limits."""
    try:
        return token_answer(answer.status, answer.headers, answer.body, now, app, operation=operation)
    except WaitUntilError as error:
        if answer.headers.get("Retry-After"):
            raise
        raise WaitUntilError(str(error), retry_at=now + LEAST_BETWEEN, status=error.status) from None


# consent


class ZohoFlow(CodeFlow):
    """The consent of a person with a Zoho account. The page is where the client was registered (`location`); the code
    is exchanged where the person's account is.

    Only `access_type=offline` gives a refresh token, and after the first time only with `prompt=consent` (facts:
    zoho-crm, oauth).
    """

    def __init__(
        self,
        app: str,
        client: ClientSettings,
        known: DataCentres,
        guard: Guard,
        *,
        scopes: tuple[str, ...],
        required: tuple[tuple[str, ...], ...],
        location: str = "us",
        clock: Clock = utc_now,
    ) -> None:
        home = known[location]
        endpoints = Endpoints(
            app=app,
            authorize=f"{home.accounts}/oauth/v2/auth",
            token=token_url(home),
            scopes=scopes,
            required=required,
            separator=",",
            parameters={"access_type": "offline", "prompt": "consent"},
        )
        super().__init__(endpoints, client, guard, clock=clock)
        self._guard = guard
        self._known = known
        self._home = location

    def token_url(self, answer: Mapping[str, str]) -> str:
        """The accounts server that the redirect names, when it is on the list."""
        return token_url(self._centre(answer))

    def credential(self, told: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """The token's fields, its data centre, and whose account it is."""
        centre = self._centre({**answer, "api_domain": told.get("api_domain")})
        kept = super().credential(told, answer)
        email = account_of(self._guard, centre, str(kept["access_token"]), self._endpoints.app, clock=self._clock)
        return {**kept, "server_location": centre.server_location, "api_domain": centre.api_domain, "email": email}

    def _centre(self, told: Mapping[str, Any]) -> DataCentre:
        return data_centre_of(told, self._known, default=self._home)

    def _asked(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        return read_token(
            ask_token(self._http, url, form, self._endpoints.app), self._clock(), self._endpoints.app, "consent"
        )


def account_of(guard: Guard, centre: DataCentre, token: str, app: str, *, clock: Clock = utc_now) -> str:
    """The address of the person whose token it is; "" where the token is not good for that.

    Raises:
        RetryError: Zoho cannot be asked now.
    """
    http = HttpClient(guard, partial(_refusal, clock=clock), headers={"Authorization": f"{SCHEME} {token}"})
    try:
        told = http.request("GET", f"{centre.accounts}/oauth/user/info", f"{app} account").json
    except RefreshError:
        return ""
    finally:
        http.close()
    email = told.get("Email") if isinstance(told, Mapping) else None
    return email if isinstance(email, str) else ""


def _refusal(answer: Answer, operation: str, *, clock: Clock) -> ProviderError:
    if answer.status == 401:
        return RefreshError(f"{operation}: the token is not accepted. [401]", status=401)
    return error_for_status(answer.status, operation, clock(), retry_after=answer.headers.get("Retry-After"))
