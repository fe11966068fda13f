"""Google's OAuth 2.0 and OpenID Connect: what is Google's own on top of the issuer.

- a refresh token only for `access_type=offline`, and after the first consent only with `prompt=consent`; at most 100
  live ones for an account and client, the oldest goes without a word (google-calendar.facts.json, oauth);
- service accounts (RFC 7523): a signed assertion, with `sub` on behalf of a person of a domain that delegated to it;
- device codes for `device_scopes` only: Google's list of scopes for limited-input devices has no Calendar (from memory;
  `device_scopes = None` lifts it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jwt

from .google_store import User
from .issuer import Grant, Issuer
from .kernel import Answer, Request

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
MOST_REFRESH_TOKENS = 100
STATUSES = {"invalid_client": 401, "unauthorized_client": 401, "authorization_pending": 428, "access_denied": 403}
UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
    "scopes requested."
)


@dataclass(slots=True)
class ServiceAccount:
    """A service account: its keys (id -> PEM of the public key), and domain -> the scopes delegated to it there."""

    keys: dict[str, str] = field(default_factory=dict)
    domains: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class GoogleIssuer(Issuer):
    """Google's dialect."""

    title: ClassVar[str] = "Google"
    users: dict[str, User] = field(default_factory=dict)
    service_accounts: dict[str, ServiceAccount] = field(default_factory=dict)
    consented: set[tuple[str, str]] = field(default_factory=set)
    device_scopes: tuple[str, ...] | None = ("openid", "email", "profile")
    own_url: Callable[[], str] = lambda: ""

    def token(self, request: Request) -> Answer:
        """POST /token."""
        form = request.form
        return self._from_assertion(form) if form.get("grant_type") == JWT_BEARER else Issuer.token(self, request)

    def refusal(self, error: str, description: str = "") -> Answer:
        """How Google words a refusal."""
        usual = "Unauthorized" if error == "invalid_client" else "Bad Request"
        body = {"error": error, "error_description": description or usual}
        return Answer(STATUSES.get(error, 400), body)

    def device(self, request: Request, verification_url: str) -> Answer:
        """POST /device/code."""
        allowed = self.device_scopes
        if allowed is not None and not set(self.asked(request.form)) <= set(allowed):
            return self.refusal("invalid_scope", "Invalid device flow scope")
        return Issuer.device(self, request, verification_url)

    def revoke(self, request: Request) -> Answer:
        """POST /revoke."""
        token = {**request.query, **request.form}.get("token", "")
        if token not in self.refresh and token not in self.access:
            return self.refusal("invalid_token", "Token expired or revoked")
        return Issuer.revoke(self, request)

    def userinfo(self, request: Request) -> Answer:
        """GET /v1/userinfo, for tokens with `openid`."""
        user, scopes = self.users.get(self.account(request) or ""), self.scopes_of(request)
        if user is None or "openid" not in scopes:
            told = {"error": "invalid_request", "error_description": "Invalid Credentials"}
            return Answer(401, told, {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'})
        claims: dict[str, Any] = {"sub": user.subject}
        if _any(scopes, "email", "userinfo.email"):
            claims |= {"email": user.email, "email_verified": True}
        if _any(scopes, "profile", "userinfo.profile"):
            claims["name"] = user.name
        return Answer(200, claims)

    def revoke_account(self, account: str) -> None:
        """The person withdraws consent, and is asked anew."""
        Issuer.revoke_account(self, account)
        self.consented = {pair for pair in self.consented if pair[0] != account}

    def _code(self, query: Mapping[str, str], account: str) -> str:
        code = Issuer._code(self, query, account)
        pair = (account, query["client_id"])
        anew = pair not in self.consented or "consent" in query.get("prompt", "").split()
        self.codes[code].offline = query.get("access_type") == "offline" and anew
        self.consented.add(pair)
        return code

    def _tokens(self, grant: Grant, used: str | None) -> dict[str, Any]:
        told = Issuer._tokens(self, grant, used)
        mine = [t for t, g in self.refresh.items() if (g.account, g.client_id) == (grant.account, grant.client_id)]
        for oldest in mine[:-MOST_REFRESH_TOKENS]:
            del self.refresh[oldest]
        return told

    # service accounts

    def _from_assertion(self, form: Mapping[str, str]) -> Answer:
        assertion = form.get("assertion", "")
        try:
            name = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss", ""))
            account = self.service_accounts[name]
            key = account.keys[jwt.get_unverified_header(assertion).get("kid", "")]
            audience = [f"{self.own_url()}/token", TOKEN_URI]
            claims = jwt.decode(assertion, key, algorithms=["RS256"], audience=audience, options={"require": ["exp"]})
        except KeyError:
            return self.refusal("invalid_grant", "Invalid grant: account not found")
        except jwt.InvalidSignatureError:
            return self.refusal("invalid_grant", "Invalid JWT Signature.")
        except jwt.InvalidTokenError:
            return self.refusal("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
        return self._granted(name, account, claims)

    def _granted(self, name: str, account: ServiceAccount, claims: Mapping[str, Any]) -> Answer:
        person, scopes = str(claims.get("sub", "")).lower(), tuple(str(claims.get("scope", "")).split())
        if not scopes:
            return self.refusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        if person and person not in self.users:
            return self.refusal("invalid_grant", "Invalid email or User ID")
        delegated = account.domains.get(person.partition("@")[2], ())
        if person and not set(scopes) <= set(delegated):
            return self.refusal("unauthorized_client", UNAUTHORIZED)
        grant = Grant(person or name, name, scopes, offline=False)
        told = Issuer._tokens(self, grant, None)
        return self._answer({k: v for k, v in told.items() if k != "scope"})


def _any(scopes: tuple[str, ...], *names: str) -> bool:
    return any(scope.rpartition("/")[2] in names for scope in scopes)
