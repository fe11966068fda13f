"""Zoho's accounts servers: OAuth for Zoho Calendar, Zoho CRM and Bigin, with Zoho's data centres.

Each account lives in one data centre. Where a person consents does not matter; the redirect names the accounts server
of their own, and only there is the code worth anything. On loopback a data centre is the beginning of a path: `/eu`;
none for `us`.

Source: zoho-crm.facts.json, `oauth` and `data_centres`; provider-limits.md, section 5. `/oauth/user/info` and
its scope: calcom-calendars.md, section 2.4, shapes from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from .issuer import SWITCHES as ISSUER_SWITCHES
from .issuer import Grant, Issuer
from .kernel import Answer, Request, Route

DATA_CENTRES = ("us", "eu", "in", "au", "jp", "cn", "ca", "sa")
MOST_REFRESH_TOKENS = 20
"""Of one person for one client."""
MOST_ACCESS_TOKENS = 30
"""Live ones of one refresh token."""
MOST_REFRESHES = 10
REFRESH_WINDOW = timedelta(minutes=10)
CODE_LIFE = timedelta(seconds=60)
PROFILE = frozenset({"AaaServer.profile.READ", "AaaServer.profile.ALL"})
SCHEME = "Zoho-oauthtoken"

WORDS: Mapping[str, str] = {"invalid_grant": "invalid_code", "unsupported_grant_type": "invalid_request"}
"""The issuer's errors that Zoho calls otherwise."""

TOO_MANY: Mapping[str, str] = {
    "error": "Access Denied",
    "error_description": "You have made too many requests continuously. Please try again after some time.",
}

SWITCHES: Mapping[str, str] = {
    **ISSUER_SWITCHES,
    "oauth-400": "an OAuth refusal has status 400 instead of 200",
    "too-many-refreshes": "a refresh is refused: too many requests continuously",
}


@dataclass(slots=True)
class ZohoIssuer(Issuer):
    """Zoho's dialect. `homes` has the data centre of each account that is not in `us`; `own_url` is where the sandbox
    is; `api_domain` gives a data centre's.
    """

    title: ClassVar[str] = "Zoho"
    life: timedelta = timedelta(hours=1)
    own_url: Callable[[], str] = lambda: ""
    api_domain: Callable[[str], str] = lambda data_centre: ""
    homes: dict[str, str] = field(default_factory=dict)
    consented: set[tuple[str, str]] = field(default_factory=set)
    refreshed: dict[str, list[datetime]] = field(default_factory=dict)
    issued: dict[str, list[str]] = field(default_factory=dict)

    def home(self, account: str) -> str:
        """An account's data centre."""
        return self.homes.get(account, "us")

    def accounts_server(self, data_centre: str) -> str:
        """Where a data centre's accounts server is."""
        return self.own_url() + prefix(data_centre)

    def account_at(self, data_centre: str, request: Request) -> str | None:
        """The account of the request's token; None when it is not accepted in that data centre."""
        if request.headers.get("authorization", "").partition(" ")[0] != SCHEME:
            return None
        account = self.account(request)
        return account if account is not None and self.home(account) == data_centre else None

    def routes(self) -> Sequence[Route]:
        """The routes of every data centre."""
        handlers: Sequence[tuple[str, str, Callable[[str, Request], Answer]]] = (
            ("GET", "/oauth/v2/auth", lambda data_centre, request: self.page(request)),
            ("POST", "/oauth/v2/auth", lambda data_centre, request: self.decide(request)),
            ("POST", "/oauth/v2/token", self.token_at),
            ("POST", "/oauth/v2/token/revoke", lambda data_centre, request: self.revoke(request)),
            ("GET", "/oauth/user/info", self.user_info),
        )
        return [route for method, path, handler in handlers for route in everywhere(method, path, handler)]

    # consent

    def _code(self, query: Mapping[str, str], account: str) -> str:
        code = Issuer._code(self, query, account)
        pair = (account, query["client_id"])
        anew = pair not in self.consented or query.get("prompt") == "consent"
        self.codes[code].offline = query.get("access_type") == "offline" and anew
        self.codes[code].expires_at = self.clock() + CODE_LIFE
        self.consented.add(pair)
        return code

    def _back(self, query: Mapping[str, str], fields: Mapping[str, str]) -> Answer:
        if "code" not in fields:
            return Issuer._back(self, query, fields)
        home = self.home(self.codes[fields["code"]].account)
        server = self.accounts_server(home)
        return Issuer._back(self, query, {**fields, "location": home, "accounts-server": server})

    # tokens

    def token_at(self, data_centre: str, request: Request) -> Answer:
        """POST /oauth/v2/token, parameters in the query or in a form."""
        form = {**request.query, **request.form}
        client = self.clients.get(form.get("client_id", ""))
        if client is not None and not self._proves(client, form):
            return self.refusal("invalid_client_secret")
        kind = form.get("grant_type")
        grant = self._grant(form)
        if grant is not None and self.home(grant.account) != data_centre:
            return self.refusal("invalid_code")
        if kind == "authorization_code" and grant and grant.redirect_uri != form.get("redirect_uri"):
            return self.refusal("invalid_redirect_uri")
        if kind == "refresh_token" and grant and self._too_many(form["refresh_token"]):
            return Answer(self._refusal_status(), dict(TOO_MANY))
        return Issuer.token(self, request)

    def refusal(self, error: str, description: str = "") -> Answer:
        """How Zoho words a refusal: in the body, whatever the status says."""
        return Answer(self._refusal_status(), {"error": WORDS.get(error, error)})

    def fields(self, grant: Grant) -> dict[str, Any]:
        """Where the account's APIs are."""
        return {"api_domain": self.api_domain(self.home(grant.account))}

    def revoke(self, request: Request) -> Answer:
        """POST /oauth/v2/token/revoke: a refresh token and the access tokens that came of it."""
        token = {**request.query, **request.form}.get("token", "")
        if self.refresh.pop(token, None) is None:
            return self.refusal("invalid_token")
        self._end(token)
        return Answer(200, {"status": "success"})

    def user_info(self, data_centre: str, request: Request) -> Answer:
        """GET /oauth/user/info: whose token it is."""
        account = self.account(request)
        if account is None or self.home(account) != data_centre:
            return Answer(401, {"cause": "INVALID_OAUTHTOKEN", "response": "error"})
        if not PROFILE & set(self.scopes_of(request)):
            return Answer(401, {"cause": "INVALID_OAUTHSCOPE", "response": "error"})
        name = account.partition("@")[0].title()
        return Answer(200, {"Email": account, "Display_Name": name, "First_Name": name, "Last_Name": ""})

    def revoke_account(self, account: str) -> None:
        """The person withdraws consent, and is asked anew."""
        Issuer.revoke_account(self, account)
        self.consented = {pair for pair in self.consented if pair[0] != account}

    def _tokens(self, grant: Grant, used: str | None) -> dict[str, Any]:
        told = Issuer._tokens(self, grant, used)
        source = used or told.get("refresh_token", "")
        if not source:
            return told
        issued = self.issued.setdefault(source, [])
        issued.append(told["access_token"])
        for oldest in issued[:-MOST_ACCESS_TOKENS]:
            self.access.pop(oldest, None)
        del issued[:-MOST_ACCESS_TOKENS]
        if used:
            self.refreshed.setdefault(used, []).append(self.clock())
        else:
            self._drop_oldest(grant)
        return told

    def _drop_oldest(self, grant: Grant) -> None:
        mine = [t for t, g in self.refresh.items() if (g.account, g.client_id) == (grant.account, grant.client_id)]
        for oldest in mine[:-MOST_REFRESH_TOKENS]:
            del self.refresh[oldest]
            self._end(oldest)

    def _end(self, refresh_token: str) -> None:
        for token in self.issued.pop(refresh_token, ()):
            self.access.pop(token, None)

    def _grant(self, form: Mapping[str, str]) -> Grant | None:
        """What the code or the refresh token of a request stands for."""
        if form.get("grant_type") == "authorization_code":
            return self.codes.get(form.get("code", ""))
        return self.refresh.get(form.get("refresh_token", ""))

    def _too_many(self, refresh_token: str) -> bool:
        since = self.clock() - REFRESH_WINDOW
        recent = [moment for moment in self.refreshed.get(refresh_token, ()) if moment > since]
        self.refreshed[refresh_token] = recent
        return len(recent) >= MOST_REFRESHES or self.faults.take("too-many-refreshes") is not None

    def _refusal_status(self) -> int:
        return 400 if self.faults.take("oauth-400") else 200


def prefix(data_centre: str) -> str:
    """What the paths of a data centre begin with."""
    return "" if data_centre == "us" else f"/{data_centre}"


def everywhere(method: str, path: str, handler: Callable[[str, Request], Answer]) -> list[Route]:
    """A route in each data centre; the handler is told in which."""
    return [Route(method, prefix(each) + path, partial(handler, each)) for each in DATA_CENTRES]
