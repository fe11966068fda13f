"""Salesforce's login host: OAuth for an org's people.

A token answer has no `expires_in`: a session lives as long as the org says, counted from its last use; introspection
tells until when. A refresh token is given for the scope `refresh_token` or `offline_access` only. Of one person and one
app five approvals live; the sixth ends the oldest. Rotation is off unless `rotates`; a refresh token used again then
ends all.

Source: salesforce-rest.facts.json, `oauth`; provider-limits.md, section 7; error words from memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import jwt

from .issuer import Grant, Issuer
from .kernel import Answer, Request, Route
from .salesforce_store import Record

BASE = "/services/oauth2"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MOST_APPROVALS = 5
REFRESHING = frozenset({"refresh_token", "offline_access"})
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
DEFAULT_SCOPES = ("api", "refresh_token")
"""What an app has that asks for nothing in particular."""

WORDS: Mapping[str, str] = {
    "Bad code": "invalid authorization code",
    "Bad redirect or late code": "expired authorization code",
    "Bad verifier": "invalid code verifier",
    "Token has been expired or revoked.": "expired access/refresh token",
    "": "authentication failure",
}
"""The issuer's descriptions as Salesforce words them."""

ALONE: Mapping[str, str] = {
    "invalid_client": "invalid client credentials",
    "invalid_client_id": "client identifier invalid",
    "unsupported_grant_type": "grant type not supported",
}
"""Errors whose description is always the same."""


@dataclass(slots=True)
class SalesforceIssuer(Issuer):
    """Salesforce's dialect.

    Attributes:
        org_id: the org's.
        user: finds the record of an account.
        instance: where its API is at the moment.
        own_url: where this login host is; `hosts` are all its addresses.
        certificates: the public key of each client that signs.
    """

    title: ClassVar[str] = "Salesforce"
    life: timedelta = timedelta(hours=2)
    reuse_kills: bool = True
    org_id: str = ""
    own_url: Callable[[], str] = lambda: ""
    hosts: Callable[[], Sequence[str]] = tuple
    instance: Callable[[], str] = lambda: ""
    user: Callable[[str], Record | None] = lambda account: None
    certificates: dict[str, str] = field(default_factory=dict)
    approved: set[tuple[str, str]] = field(default_factory=set)
    sessions: dict[str, list[str]] = field(default_factory=dict)

    def routes(self) -> Sequence[Route]:
        """The routes of the login host."""
        return [
            Route("GET", f"{BASE}/authorize", self.page),
            Route("POST", f"{BASE}/authorize", self.decide),
            Route("POST", f"{BASE}/token", self.token),
            Route("POST", f"{BASE}/introspect", self.introspect),
            Route("GET", f"{BASE}/revoke", self.revoke),
            Route("POST", f"{BASE}/revoke", self.revoke),
            Route("GET", f"{BASE}/userinfo", self.userinfo),
            Route("POST", f"{BASE}/userinfo", self.userinfo),
            Route("GET", "/id/{org}/{user}", self.identity),
        ]

    def asked(self, query: Mapping[str, str]) -> tuple[str, ...]:
        """The scopes a client asks for; all it has when it asks for none."""
        return Issuer.asked(self, query) or DEFAULT_SCOPES

    def account(self, request: Request) -> str | None:
        """The account of the request's session, which lives on by being used."""
        account = Issuer.account(self, request)
        if account is not None:
            self.access[request.bearer].expires_at = self.clock() + self.life
        return account

    # tokens

    def token(self, request: Request) -> Answer:
        """POST token."""
        form = {**request.query, **request.form, **self._basic(request)}
        if form.get("grant_type") == JWT_BEARER:
            return self._from_assertion(form)
        if form.get("client_id", "") not in self.clients:
            return self.refusal("invalid_client_id")
        return Issuer.token(self, request)

    def refusal(self, error: str, description: str = "") -> Answer:
        """A refusal, always with a description and 400."""
        told = ALONE.get(error) or WORDS.get(description, description)
        return Answer(400, {"error": error, "error_description": told})

    def fields(self, grant: Grant) -> dict[str, Any]:
        """Where the org is, and whose token it is."""
        user = self.user(grant.account)
        identity = f"{self.own_url()}/id/{self.org_id}/{user.id if user else ''}"
        issued = str(int(self.clock().timestamp() * 1000))
        secret = self.clients[grant.client_id].secret if grant.client_id in self.clients else ""
        signature = hmac.new(secret.encode(), f"{identity}{issued}".encode(), hashlib.sha256).digest()
        return {
            "instance_url": self.instance(),
            "id": identity,
            "issued_at": issued,
            "signature": base64.b64encode(signature).decode(),
        }

    def _code(self, query: Mapping[str, str], account: str) -> str:
        code = Issuer._code(self, query, account)
        grant = self.codes[code]
        grant.offline = bool(REFRESHING & set(grant.scopes))
        self.approved.add((account, grant.client_id))
        return code

    def _from_refresh(self, form: Mapping[str, str]) -> Answer:
        token = form.get("refresh_token", "")
        grant = self.refresh.get(token) or self.used.get(token)
        if grant is not None and self._inactive(grant.account):
            return self.refusal("invalid_grant", "inactive user")
        return Issuer._from_refresh(self, form)

    def _inactive(self, account: str) -> bool:
        user = self.user(account)
        return user is None or not user.get("IsActive") or self.faults.take("inactive-user") is not None

    def _from_assertion(self, form: Mapping[str, str]) -> Answer:
        """The JWT bearer flow: an assertion signed with the client's key (RFC 7523)."""
        assertion = form.get("assertion", "")
        try:
            client_id = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss", ""))
            if client_id not in self.certificates:
                return self.refusal("invalid_client_id")
            claims = jwt.decode(
                assertion,
                self.certificates[client_id],
                algorithms=["RS256"],
                audience=[*AUDIENCES, self.own_url(), *self.hosts(), self.instance()],
                options={"require": ["iss", "sub", "aud", "exp"], "verify_exp": False},
            )
        except jwt.InvalidAudienceError:
            return self.refusal("invalid_grant", "audience is invalid")
        except jwt.InvalidTokenError:
            return self.refusal("invalid_grant", "invalid assertion")
        if int(claims["exp"]) <= self.clock().timestamp():
            return self.refusal("invalid_grant", "expired assertion")
        account = str(claims["sub"]).lower()
        if self._inactive(account) or (account, client_id) not in self.approved:
            return self.refusal("invalid_grant", "user hasn't approved this consumer")
        return self._answer(self._tokens(Grant(account, client_id, ("api",), offline=False), None))

    def _tokens(self, grant: Grant, used: str | None) -> dict[str, Any]:
        told = Issuer._tokens(self, grant, used)
        session = f"{self.org_id[:15]}!{secrets.token_urlsafe(60).replace('-', '.')}"
        self.access[session] = self.access.pop(told["access_token"])
        source = told.get("refresh_token", used or "")
        if used and source != used:
            self.sessions[source] = self.sessions.pop(used, [])
        self.sessions.setdefault(source, []).append(session)
        if "refresh_token" in told:
            self._drop_oldest(grant)
        shown = {name: value for name, value in told.items() if name != "expires_in"}
        return {**shown, "access_token": session, **self._id_token(grant)}

    def _id_token(self, grant: Grant) -> dict[str, str]:
        """An ID token, for the scope openid; signed with the client's secret."""
        if "openid" not in grant.scopes:
            return {}
        now = int(self.clock().timestamp())
        user = self.user(grant.account)
        claims = {
            "iss": self.own_url(),
            "sub": user.id if user else "",
            "aud": grant.client_id,
            "iat": now,
            "exp": now + 120,
        }
        secret = self.clients[grant.client_id].secret.ljust(32, "-")
        return {"id_token": jwt.encode(claims, secret, algorithm="HS256")}

    def _drop_oldest(self, grant: Grant) -> None:
        mine = [t for t, g in self.refresh.items() if (g.account, g.client_id) == (grant.account, grant.client_id)]
        for token in mine[:-MOST_APPROVALS]:
            self._end(token)

    def _end(self, refresh_token: str) -> None:
        self.refresh.pop(refresh_token, None)
        for session in self.sessions.pop(refresh_token, ()):
            self.access.pop(session, None)

    def revoke(self, request: Request) -> Answer:
        """GET or POST revoke: a session, or a refresh token and the sessions that came of it."""
        token = {**request.query, **request.form}.get("token", "")
        if token in self.refresh:
            self._end(token)
        elif self.access.pop(token, None) is None:
            return self.refusal("invalid_token", "invalid token")
        return Answer(200, None)

    def introspect(self, request: Request) -> Answer:
        """POST introspect (RFC 7662): until when a token is good."""
        form = {**request.form, **self._basic(request)}
        client = self.clients.get(form.get("client_id", ""))
        if client is None or not self._proves(client, form):
            return self.refusal("invalid_client_id" if client is None else "invalid_client")
        token = form.get("token", "")
        grant = self.access.get(token) or self.refresh.get(token)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= self.clock()):
            return Answer(200, {"active": False})
        told = {
            "active": True,
            "scope": " ".join(grant.scopes),
            "client_id": grant.client_id,
            "username": grant.account,
            "sub": self.fields(grant)["id"],
            "token_type": "access_token" if token in self.access else "refresh_token",
        }
        if grant.expires_at is not None:
            end = int(grant.expires_at.timestamp())
            told.update(exp=end, iat=end - int(self.life.total_seconds()), nbf=end - int(self.life.total_seconds()))
        return Answer(200, told)

    # who it is

    def userinfo(self, request: Request) -> Answer:
        """GET or POST userinfo (OpenID Connect)."""
        user = self._who(request)
        if isinstance(user, Answer):
            return user
        return Answer(
            200,
            {
                "sub": f"{self.own_url()}/id/{self.org_id}/{user.id}",
                "user_id": user.id,
                "organization_id": self.org_id,
                "preferred_username": user.get("Username"),
                "nickname": user.get("Alias"),
                "name": user.get("Name"),
                "given_name": user.get("FirstName"),
                "family_name": user.get("LastName"),
                "email": user.get("Email"),
                "email_verified": True,
                "zoneinfo": user.get("TimeZoneSidKey"),
                "active": user.get("IsActive"),
                "user_type": "STANDARD",
                "urls": self._urls(user),
            },
        )

    def identity(self, request: Request) -> Answer:
        """GET the identity URL of a token answer."""
        user = self._who(request)
        if isinstance(user, Answer):
            return user
        if (request.params["org"], request.params["user"]) != (self.org_id, user.id):
            return Answer(403, "Wrong_Org")
        return Answer(
            200,
            {
                "id": f"{self.own_url()}/id/{self.org_id}/{user.id}",
                "asserted_user": True,
                "user_id": user.id,
                "organization_id": self.org_id,
                "username": user.get("Username"),
                "nick_name": user.get("Alias"),
                "display_name": user.get("Name"),
                "email": user.get("Email"),
                "email_verified": True,
                "first_name": user.get("FirstName"),
                "last_name": user.get("LastName"),
                "timezone": user.get("TimeZoneSidKey"),
                "active": user.get("IsActive"),
                "user_type": "STANDARD",
                "urls": self._urls(user),
            },
        )

    def _who(self, request: Request) -> Record | Answer:
        account = self.account(request)
        user = self.user(account) if account is not None else None
        if user is None:
            return Answer(403, "Bad_OAuth_Token" if request.bearer else "Missing_OAuth_Token")
        return user

    def _urls(self, user: Record) -> dict[str, str]:
        data = f"{self.instance()}/services/data/v{{version}}"
        return {
            "rest": f"{data}/",
            "sobjects": f"{data}/sobjects/",
            "query": f"{data}/query/",
            "search": f"{data}/search/",
            "profile": f"{self.instance()}/{user.id}",
        }
