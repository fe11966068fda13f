"""Entra ID: consent, tokens that rotate, codes for other devices, client credentials; in Microsoft's dialect.

Source: microsoft-graph.facts.json, `oauth`; the shapes that msal reads: its own package.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Any, ClassVar
from uuid import NAMESPACE_DNS, uuid4, uuid5

from .issuer import PAGE, Client, Grant, Issuer
from .kernel import Answer, Request, Route

TENANT_ID = "5b1c0ac6-3c1f-4f57-8f6d-2c6d1d3a9e10"
"""The one tenant, under whatever name a path has it."""

SWITCHES: Mapping[str, str] = {
    "interaction": "the next token is refused with interaction_required, AADSTS50076 or, as `value`, 50079",
    "grant-expired": "the next refresh is refused with invalid_grant, AADSTS700082: not used for too long",
    "no-consent": "the next refresh is refused with invalid_grant, AADSTS65001: the consent was taken back",
    "old-refresh-dead": "a refresh token that was used before is refused, instead of working on for a while",
}

DEAD: Mapping[str, str] = {
    "revoked": "revoked_grant",
    "grant-expired": "expired_grant",
    "no-consent": "missing_consent",
}
"""Switch -> the key in WORDS of how a refresh is then refused."""

WORDS: Mapping[str, tuple[str, int, str]] = {
    "invalid_grant": ("invalid_grant", 70000, "The provided grant is invalid, expired or revoked."),
    "revoked_grant": ("invalid_grant", 50173, "The provided grant has expired due to it being revoked."),
    "expired_grant": ("invalid_grant", 700082, "The refresh token has expired due to inactivity."),
    "missing_consent": ("invalid_grant", 65001, "The user or administrator has not consented to use the application."),
    "interaction_required": ("interaction_required", 50076, "You must use multi-factor authentication."),
    "enrolment_required": ("interaction_required", 50079, "You must enroll in multi-factor authentication."),
    "invalid_client": ("invalid_client", 7000215, "Invalid client secret provided."),
    "authorization_pending": ("authorization_pending", 70016, "The user has not authenticated yet."),
    "expired_token": ("expired_token", 70020, "The device code has expired."),
    "access_denied": ("authorization_declined", 70018, "The user declined."),
    "unsupported_grant_type": ("unsupported_grant_type", 70003, "The grant type is not supported."),
}
"""The issuer's error -> Microsoft's, its AADSTS number, its words."""
SUBERRORS: Mapping[int, str] = {
    50076: "basic_action",
    50079: "basic_action",
    50173: "bad_token",
    65001: "consent_required",
    700082: "bad_token",
}
"""AADSTS number -> `suberror` (from memory; msal reads client_mismatch only)."""
ENROLMENT = 50079

TENANT = "/{tenant}"
DEVICE_PAGE = "/common/oauth2/deviceauth"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(slots=True)
class MicrosoftIssuer(Issuer):
    """Microsoft's dialect. `where` gives the address over TLS, which msal insists on."""

    title: ClassVar[str] = "Microsoft"
    life: timedelta = timedelta(seconds=3599)
    rotates: bool = True
    where: Callable[[], str] = lambda: ""

    def routes(self) -> Sequence[Route]:
        """Every route, for any tenant."""
        base = f"{TENANT}/oauth2/v2.0"
        return [
            Route("GET", f"{TENANT}/v2.0/.well-known/openid-configuration", self._configuration),
            Route("GET", f"{base}/authorize", self.page),
            Route("POST", f"{base}/authorize", self.decide),
            Route("POST", f"{base}/token", self.token),
            Route("POST", f"{base}/devicecode", self._device),
            Route("GET", f"{TENANT}/discovery/v2.0/keys", lambda request: Answer(200, {"keys": []})),
            Route("GET", DEVICE_PAGE, lambda request: self._device_page("Type the code that the device shows.")),
            Route("POST", DEVICE_PAGE, self._device_decided),
        ]

    def token(self, request: Request) -> Answer:
        """POST token."""
        if fault := self.faults.take("interaction"):
            return self.refusal("enrolment_required" if fault.value == ENROLMENT else "interaction_required")
        return Issuer.token(self, request)

    def _proves(self, client: Client, form: Mapping[str, str]) -> bool:
        """A device code is a public client's way: it needs no secret, and may come with it."""
        public = form.get("grant_type") == DEVICE_GRANT and "client_secret" not in form
        return public or Issuer._proves(self, client, form)

    def _from_refresh(self, form: Mapping[str, str]) -> Answer:
        for switch, named in DEAD.items():
            if self.faults.take(switch):
                return self.refusal(named)
        if form.get("refresh_token", "") in self.used and self.faults.take("old-refresh-dead"):
            return self.refusal("invalid_grant")
        return Issuer._from_refresh(self, form)

    def _device(self, request: Request) -> Answer:
        """POST devicecode, with the sentence that a person is shown."""
        answer = self.device(request, f"{self.where()}{DEVICE_PAGE}")
        if answer.status == 200:
            told = answer.body
            told["message"] = f"Open {told['verification_uri']} and enter the code {told['user_code']}."
        return answer

    def _device_page(self, text: str, status: int = 200) -> Answer:
        """The form in which a person types the code that another device shows."""
        options = "".join(f"<option>{escape(a)}</option>" for a in self.accounts)
        form = (
            '<form method="post"><p><label>Code <input name="user_code" autocomplete="off"></label></p>'
            f'<p><label>Account <select name="account">{options}</select></label></p>'
            '<button name="decision" value="allow">Allow</button>'
            '<button name="decision" value="deny">Deny</button></form>'
        )
        return Answer(status, PAGE.format(title=f"{self.title} device sign-in", text=text, form=form))

    def _device_decided(self, request: Request) -> Answer:
        form = request.form
        code, allowed = form.get("user_code", "").strip().upper(), form.get("decision") == "allow"
        try:
            self.allow_device(code, form.get("account", ""), allowed=allowed)
        except ValueError:
            return self._device_page("There is no such code. Type the one that the device shows.", 400)
        text = "You may go on on your device."
        return Answer(200, PAGE.format(title=f"{self.title} device sign-in", text=text, form=""))

    def _configuration(self, request: Request) -> Answer:
        base = f"{self.where()}/{request.params['tenant']}"
        return Answer(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": None,
            },
        )

    def offline(self, query: Mapping[str, str]) -> bool:
        """A refresh token comes for `offline_access` only."""
        return "offline_access" in self.asked(query)

    def refusal(self, error: str, description: str = "") -> Answer:
        """Microsoft's words and numbers."""
        told, number, text = WORDS.get(error, (error, 90000, description or error))
        at, trace, correlation = f"{self.clock():%Y-%m-%d %H:%M:%SZ}", str(uuid4()), str(uuid4())
        found_by = f"Trace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}"
        body = {
            "error": told,
            "error_description": f"AADSTS{number}: {text}\r\n{found_by}",
            "error_codes": [number],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{self.where()}/error?code={number}",
            **({"suberror": SUBERRORS[number]} if number in SUBERRORS else {}),
        }
        return Answer(401 if told == "invalid_client" else 400, body)

    def fields(self, grant: Grant) -> dict[str, Any]:
        """The id token, where a person stands behind it."""
        told: dict[str, Any] = {
            "ext_expires_in": int(self.life.total_seconds()),
            "scope": " ".join(s for s in grant.scopes if s != "offline_access"),
        }
        if not grant.account:
            return told
        person = str(uuid5(NAMESPACE_DNS, grant.account))
        now = int(self.clock().timestamp())
        claims = {
            "iss": f"{self.where()}/{TENANT_ID}/v2.0",
            "aud": grant.client_id,
            "iat": now,
            "nbf": now - 60,
            "exp": now + int(self.life.total_seconds()),
            "sub": person,
            "oid": person,
            "tid": TENANT_ID,
            "preferred_username": grant.account,
            "name": grant.account.partition("@")[0].title(),
            "ver": "2.0",
            **({"nonce": grant.nonce} if grant.nonce else {}),
        }
        info = _encoded({"uid": person, "utid": TENANT_ID})
        header = _encoded({"typ": "JWT", "alg": "none"})
        return {**told, "id_token": f"{header}.{_encoded(claims)}.", "client_info": info}


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
