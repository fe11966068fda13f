"""An OAuth 2.0 issuer: consent pages, codes, tokens, refresh, device codes, revocation (RFC 6749, 7636, 8628, 7009).

Each provider's dialect is a subclass: where its endpoints are, what its token answer holds besides, how it words a
refusal. The consent page is a form, so that connecting can be tried in a browser; `allow` is the same as a function.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from syncd.model.clock import Clock, utc_now

from .faults import Faults
from .kernel import Answer, Request, http_date

SWITCHES: Mapping[str, str] = {
    "lose-refresh": "a refresh is carried out and its answer lost",
    "revoked": "every refresh token is refused, until cleared",
    "wrong-client": "client id and secret are refused, until cleared",
    "partial-grant": "the next consent grants only the scopes in `value`",
    "deny": "the next consent is denied",
}

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px sans-serif;max-width:32rem;margin:4rem auto}}button{{font:inherit;margin-right:1rem}}</style>
<h1>{title}</h1><p>{text}</p>{form}</html>"""


@dataclass(slots=True)
class Client:
    """A registered client. `redirects` are its allowed redirect URIs; any on loopback when there is none."""

    secret: str
    redirects: tuple[str, ...] = ()


@dataclass(slots=True)
class Grant:
    """What an account has granted a client."""

    account: str
    client_id: str
    scopes: tuple[str, ...]
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""
    offline: bool = True
    expires_at: datetime | None = None


@dataclass(slots=True)
class Device:
    """A device code that waits for its person."""

    grant: Grant
    user_code: str
    allowed: bool | None = None


@dataclass(slots=True)
class Issuer:
    """Issues tokens for accounts. Not locked: its provider's lock holds for it.

    `rotates`: every refresh gives a new refresh token. `reuse_kills`: one used a second time revokes all that came of
    its grant (a provider that takes each once); else the old one works on for a while.
    """

    title: ClassVar[str] = "Sandbox"
    life: timedelta = timedelta(seconds=3599)
    rotates: bool = False
    reuse_kills: bool = False
    clock: Clock = utc_now
    faults: Faults = field(default_factory=lambda: Faults(SWITCHES))
    clients: dict[str, Client] = field(default_factory=lambda: {"sandbox-client": Client("sandbox-secret")})
    accounts: list[str] = field(default_factory=list)
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    used: dict[str, Grant] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    refreshes: int = 0

    # who a token is of

    def account(self, request: Request) -> str | None:
        """The account of the request's access token; None when it is not (any more) accepted."""
        grant = self.access.get(request.bearer)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= self.clock()):
            return None
        return grant.account

    def scopes_of(self, request: Request) -> tuple[str, ...]:
        """What the request's token is good for."""
        grant = self.access.get(request.bearer)
        return grant.scopes if grant else ()

    def issue(self, account: str, scopes: tuple[str, ...] = (), client_id: str = "sandbox-client") -> dict[str, Any]:
        """Tokens as if the person had just consented: the token endpoint's answer."""
        return self._tokens(Grant(account, client_id, scopes), None)

    def expire(self, token: str = "") -> None:
        """End an access token, or all."""
        for known, grant in self.access.items():
            if token in ("", known):
                grant.expires_at = self.clock()

    def revoke_account(self, account: str) -> None:
        """The person withdraws consent."""
        for table in (self.access, self.refresh, self.used):
            for token in [t for t, g in table.items() if g.account == account]:
                del table[token]

    # the consent page

    def page(self, request: Request) -> Answer:
        """GET authorize: the form; a client that is not known, or a redirect that is not its own, ends here."""
        query = request.query
        problem = self._unusable(query)
        if problem:
            return Answer(400, PAGE.format(title="This request is not valid", text=html.escape(problem), form=""))
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(n)}" value="{html.escape(v)}">' for n, v in query.items()
        )
        options = "".join(f"<option>{html.escape(a)}</option>" for a in self.accounts)
        scopes = ", ".join(self.asked(query))
        form = (
            f'<form method="post">{hidden}<p><label>Account <select name="account">{options}</select></label></p>'
            '<button name="decision" value="allow">Allow</button>'
            '<button name="decision" value="deny">Deny</button></form>'
        )
        text = f"{html.escape(query['client_id'])} asks for: {html.escape(scopes)}"
        return Answer(200, PAGE.format(title=f"{self.title} consent", text=text, form=form))

    def decide(self, request: Request) -> Answer:
        """POST of the form: back to the client."""
        form = request.form
        if problem := self._unusable(form):
            return Answer(400, PAGE.format(title="This request is not valid", text=html.escape(problem), form=""))
        if form.get("decision") != "allow" or self.faults.take("deny"):
            return self._back(form, {"error": "access_denied"})
        return self._back(form, {"code": self._code(form, form.get("account", "")), **self.redirect_fields()})

    def allow(self, url_query: Mapping[str, str], account: str) -> str:
        """What a person does who allows: the address that the browser is sent to."""
        if problem := self._unusable(url_query):
            raise ValueError(problem)
        if self.faults.take("deny"):
            return self._back(url_query, {"error": "access_denied"}).headers["Location"]
        given = {"code": self._code(url_query, account), **self.redirect_fields()}
        return self._back(url_query, given).headers["Location"]

    def asked(self, query: Mapping[str, str]) -> tuple[str, ...]:
        """The scopes a client asks for."""
        return tuple(query.get("scope", "").replace(",", " ").split())

    def redirect_fields(self) -> dict[str, str]:
        """What the redirect carries besides the code."""
        return {}

    def offline(self, query: Mapping[str, str]) -> bool:
        """Whether the consent gives a refresh token."""
        return True

    def _unusable(self, query: Mapping[str, str]) -> str:
        client = self.clients.get(query.get("client_id", ""))
        redirect = query.get("redirect_uri", "")
        if client is None:
            return "unknown client"
        if client.redirects and redirect not in client.redirects:
            return "redirect_uri_mismatch"
        if not client.redirects and not redirect.startswith(("http://127.0.0.1", "http://localhost", "https://")):
            return "redirect_uri_mismatch"
        if query.get("response_type", "code") != "code":
            return "unsupported response_type"
        return ""

    def _back(self, query: Mapping[str, str], fields: Mapping[str, str]) -> Answer:
        state = {"state": query["state"]} if "state" in query else {}
        parted = "&" if "?" in query["redirect_uri"] else "?"
        return Answer(302, None, {"Location": f"{query['redirect_uri']}{parted}{urlencode({**fields, **state})}"})

    def _code(self, query: Mapping[str, str], account: str) -> str:
        scopes, code = self.asked(query), secrets.token_urlsafe(24)
        if partial := self.faults.take("partial-grant"):
            scopes = tuple(s for s in scopes if s in partial.value)
        self.codes[code] = Grant(
            account=account,
            client_id=query["client_id"],
            scopes=scopes,
            redirect_uri=query["redirect_uri"],
            challenge=query.get("code_challenge", ""),
            nonce=query.get("nonce", ""),
            offline=self.offline(query),
            expires_at=self.clock() + timedelta(minutes=10),
        )
        return code

    # the token endpoint

    def token(self, request: Request) -> Answer:
        """POST token."""
        form = {**request.query, **request.form, **self._basic(request)}
        if form.get("grant_type") == "refresh_token":
            self.refreshes += 1
        client = self.clients.get(form.get("client_id", ""))
        if client is None or self.faults.take("wrong-client") or not self._proves(client, form):
            return self.refusal("invalid_client")
        handlers = {
            "authorization_code": self._from_code,
            "refresh_token": self._from_refresh,
            "client_credentials": self._from_client,
            "urn:ietf:params:oauth:grant-type:device_code": self._from_device,
        }
        handler = handlers.get(form.get("grant_type", ""))
        return handler(form) if handler else self.refusal("unsupported_grant_type")

    def _proves(self, client: Client, form: Mapping[str, str]) -> bool:
        return secrets.compare_digest(form.get("client_secret", ""), client.secret)

    def refusal(self, error: str, description: str = "") -> Answer:
        """How a refusal is worded."""
        status = 401 if error == "invalid_client" else 400
        return Answer(status, {"error": error, **({"error_description": description} if description else {})})

    def fields(self, grant: Grant) -> dict[str, Any]:
        """What a token answer holds besides the tokens."""
        return {}

    def _basic(self, request: Request) -> dict[str, str]:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return {}
        client_id, _, secret = base64.b64decode(value).decode().partition(":")
        return {"client_id": client_id, "client_secret": secret}

    def _from_code(self, form: Mapping[str, str]) -> Answer:
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or grant.client_id != form["client_id"] or grant.expires_at is None:
            return self.refusal("invalid_grant", "Bad code")
        if grant.expires_at <= self.clock() or grant.redirect_uri != form.get("redirect_uri"):
            return self.refusal("invalid_grant", "Bad redirect or late code")
        if grant.challenge and grant.challenge != challenge(form.get("code_verifier", "")):
            return self.refusal("invalid_grant", "Bad verifier")
        return self._answer(self._tokens(grant, None))

    def _from_refresh(self, form: Mapping[str, str]) -> Answer:
        token = form.get("refresh_token", "")
        if self.faults.take("revoked"):
            return self.refusal("invalid_grant", "Token has been expired or revoked.")
        if token in self.used and self.reuse_kills:
            self.revoke_account(self.used[token].account)
        grant = self.refresh.get(token) or self.used.get(token)
        if grant is None or grant.client_id != form["client_id"]:
            return self.refusal("invalid_grant", "Token has been expired or revoked.")
        answer = self._answer(self._tokens(grant, token))
        return Answer(504, None) if self.faults.take("lose-refresh") else answer

    def _from_client(self, form: Mapping[str, str]) -> Answer:
        grant = Grant("", form["client_id"], tuple(form.get("scope", "").split()), offline=False)
        return self._answer(self._tokens(grant, None))

    def _from_device(self, form: Mapping[str, str]) -> Answer:
        code = form.get("device_code", "")
        device = self.devices.get(code)
        if device is None or device.grant.client_id != form["client_id"]:
            return self.refusal("invalid_grant", "No such device code")
        if device.grant.expires_at is not None and device.grant.expires_at <= self.clock():
            return self.refusal("expired_token")
        if device.allowed is None:
            return self.refusal("authorization_pending")
        del self.devices[code]
        return self._answer(self._tokens(device.grant, None)) if device.allowed else self.refusal("access_denied")

    def _tokens(self, grant: Grant, used: str | None) -> dict[str, Any]:
        access = f"at-{secrets.token_urlsafe(24)}"
        self.access[access] = Grant(
            grant.account, grant.client_id, grant.scopes, expires_at=self.clock() + self.life, nonce=grant.nonce
        )
        told: dict[str, Any] = {
            "access_token": access,
            "expires_in": int(self.life.total_seconds()),
            "scope": " ".join(grant.scopes),
            "token_type": "Bearer",
        }
        if used is not None and self.rotates:
            self.used[used] = self.refresh.pop(used, grant)
        if grant.offline and (used is None or self.rotates):
            kept = Grant(grant.account, grant.client_id, grant.scopes)
            token = f"rt-{secrets.token_urlsafe(24)}"
            self.refresh[token] = kept
            told["refresh_token"] = token
        return {**told, **self.fields(grant)}

    def _answer(self, told: Mapping[str, Any]) -> Answer:
        return Answer(200, dict(told), {"Cache-Control": "no-store", "Date": http_date(self.clock())})

    # other devices, revocation

    def device(self, request: Request, verification_url: str) -> Answer:
        """POST device authorization."""
        form = request.form
        if form.get("client_id") not in self.clients:
            return self.refusal("invalid_client")
        code, user_code = secrets.token_urlsafe(24), secrets.token_hex(4).upper()
        grant = Grant("", form["client_id"], self.asked(form), expires_at=self.clock() + timedelta(minutes=15))
        self.devices[code] = Device(grant, user_code)
        told = {"device_code": code, "user_code": user_code, "expires_in": 900, "interval": 1}
        return Answer(200, {**told, "verification_uri": verification_url, "verification_url": verification_url})

    def allow_device(self, user_code: str, account: str, *, allowed: bool = True) -> None:
        """What a person does who types the code."""
        device = next((d for d in self.devices.values() if d.user_code == user_code), None)
        if device is None:
            raise ValueError("no such code")
        device.grant.account, device.allowed = account, allowed

    def revoke(self, request: Request) -> Answer:
        """POST revoke (RFC 7009)."""
        token = {**request.query, **request.form}.get("token", "")
        grant = self.refresh.get(token) or self.access.get(token)
        if grant is not None:
            self.revoke_account(grant.account)
        return Answer(200, {})


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
