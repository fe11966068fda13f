"""App `diary`: calendars in memory behind an OAuth issuer that runs as a sandbox, and an engine that connects to it.

Its people are `anna@example.com`, `ben@example.com` and, of another domain, `eve@elsewhere.example`. An organization's
key is `KEY`; the issuer takes it for the domains in `Diary.delegated`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests

from syncd.connector import ConnectorSpec, Credential, Opened
from syncd.connector.consent import ClientSettings, DeviceCode, Memo
from syncd.connector.oauth import settled
from syncd.errors import ProviderError, ReconnectError, RefreshError
from syncd.model.calendar import Probe
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Answer as ClientAnswer
from syncd.provider.client import HttpClient
from syncd.provider.consent import CodeFlow, Endpoints, ask_token, require_scopes, token_refusal
from syncd.provider.guard import Guard
from syncd.provider.http import error_for_status
from syncd.provider.oauth import token_answer
from syncd.sandbox import Answer, Provider, Request, Route
from syncd.sandbox.issuer import SWITCHES, Issuer
from syncd.testing.memory import MemoryConnector, MemoryProvider, memory_spec

T = TypeVar("T")

APP = "diary"
ANNA, BEN, EVE = "anna@example.com", "ben@example.com", "eve@elsewhere.example"
READ, WRITE, DEVICE_GRANT = "diary.read", "diary.write", "urn:ietf:params:oauth:grant-type:device_code"
REQUIRED = ((READ, WRITE), (WRITE,))
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
KEY = {"client_email": "robot@example.com", "private_key": "canary-private-key", "project": "p"}


class Diary(Provider):
    """The provider's side."""

    name: ClassVar[str] = APP
    switches: ClassVar[Mapping[str, str]] = {**SWITCHES, "slow-down": "the next poll of a device is told to slow down"}

    def __init__(self, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self.issuer = Issuer(clock=clock, faults=self.faults, accounts=[ANNA, BEN, EVE])
        self.delegated = {"example.com"}
        self.polls = 0

    def routes(self) -> Sequence[Route]:
        return [
            Route("GET", "/authorize", self.issuer.page),
            Route("POST", "/authorize", self.issuer.decide),
            Route("POST", "/token", self._token),
            Route("POST", "/device", lambda request: self.issuer.device(request, f"{self.url}/activate")),
            Route("POST", "/act", self._act),
            Route("GET", "/me", self._me),
        ]

    def not_found(self, request: Request) -> Answer:
        return Answer(404, {"error": "not found"})

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        return Answer(429, {"error": "slow down"})

    def account_of(self, request: Request) -> str:
        return self.issuer.account(request) or ""

    def allow(self, url: str, account: str = ANNA) -> str:
        """What the person does who opens the page at `url` and allows: where the browser is sent then."""
        with self.lock:
            return self.issuer.allow(dict(parse_qsl(urlsplit(url).query)), account)

    def allow_newest_device(self, account: str = ANNA, *, allowed: bool = True) -> None:
        """What the person does who types the newest code."""
        with self.lock:
            code = list(self.issuer.devices.values())[-1].user_code
            self.issuer.allow_device(code, account, allowed=allowed)

    def _token(self, request: Request) -> Answer:
        if request.form.get("grant_type") == DEVICE_GRANT:
            self.polls += 1
            if self.faults.take("slow-down"):
                return Answer(400, {"error": "slow_down"})
        return self.issuer.token(request)

    def _act(self, request: Request) -> Answer:
        """A token for `subject`, by an organization's key."""
        subject = request.form["subject"]
        if request.form["key"] != KEY["private_key"] or subject.partition("@")[2] not in self.delegated:
            return Answer(401, {"error": "unauthorized_client"})
        if subject not in self.issuer.accounts:
            return Answer(400, {"error": "invalid_grant"})
        return Answer(200, self.issuer.issue(subject))

    def _me(self, request: Request) -> Answer:
        account = self.issuer.account(request)
        return Answer(200, {"account": account}) if account else Answer(401, {"error": "invalid_token"})


class DiaryCredential(Credential):
    """A person's token, or an organization's key and whom it acts for."""

    access_token: str = ""
    refresh_token: str = ""
    private_key: str = ""
    subject: str = ""


class DiaryConnector(MemoryConnector):
    """Every call first shows its access token."""

    def __init__(self, provider: MemoryProvider, opened: Opened, url: str) -> None:
        super().__init__(provider, provider.password, opened.guard)
        self._url = url
        self._credential = opened.credential
        self._http = HttpClient(opened.guard, _refused)
        self._token = str(opened.credential.access_token)

    def probe(self) -> Probe:
        return Probe(account=self._me())

    def close(self) -> None:
        self._http.close()

    def _call(self, operation: str, run: Callable[[], T]) -> T:
        self._me()
        return super()._call(operation, run)

    def _me(self) -> str:
        if not self._token:
            self._token = self._acting()
        answer = self._http.request("GET", f"{self._url}/me", "me", headers={"Authorization": f"Bearer {self._token}"})
        return str(answer.json["account"])

    def _acting(self) -> str:
        http = HttpClient(self._guard, token_refusal)
        form = {"key": self._credential.private_key, "subject": self._credential.subject}
        answer = ask_token(http, f"{self._url}/act", form, APP)
        http.close()
        return str(token_answer(answer.status, answer.headers, answer.body, utc_now(), APP)["access_token"])


def _refused(answer: ClientAnswer, operation: str) -> ProviderError:
    if answer.status == 401:
        return RefreshError("The access token is not accepted.", status=401)
    return error_for_status(answer.status, operation, utc_now())


class DiaryFlow(CodeFlow):
    """The generic flow, and codes for other devices."""

    def __init__(self, url: str, client: ClientSettings, guard: Guard, clock: Clock) -> None:
        endpoints = Endpoints(
            app=APP, authorize=f"{url}/authorize", token=f"{url}/token", scopes=(READ, WRITE), required=REQUIRED
        )
        super().__init__(endpoints, client, guard, clock=clock)
        self._url = url

    def begin_device(self) -> DeviceCode | None:
        form = {"client_id": self._client.client_id, "scope": f"{READ} {WRITE}"}
        told = self._http.request("POST", f"{self._url}/device", "device code", form=form, safe=False).json
        return DeviceCode(
            url=told["verification_url"],
            user_code=told["user_code"],
            expires_in_s=told["expires_in"],
            interval_s=told["interval"],
            memo={"device_code": told["device_code"]},
        )

    def poll_device(self, memo: Memo) -> dict[str, Any] | None:
        form = {
            "grant_type": DEVICE_GRANT,
            "device_code": str(memo["device_code"]),
            "client_id": self._client.client_id,
            "client_secret": self._client.client_secret.get_secret_value(),
        }
        answer = ask_token(self._http, f"{self._url}/token", form, APP)
        error = answer.json.get("error")
        if error == "authorization_pending":
            return None
        if error in ("access_denied", "expired_token"):
            raise ReconnectError(f"{APP}: {error}.", code="consent_denied")
        told = token_answer(answer.status, answer.headers, answer.body, self._clock(), APP)
        require_scopes(told, REQUIRED, APP)
        return settled({k: v for k, v in told.items() if k != "server_date"}, self._clock())


def diary_spec(url: str, memory: MemoryProvider, clock: Clock, app: str = APP) -> ConnectorSpec:
    """The connector of `app`, whose issuer is at `url`."""

    def refresh(opened: Opened) -> Mapping[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": opened.credential.refresh_token,
            "client_id": opened.client.client_id,
            "client_secret": opened.client.client_secret.get_secret_value(),
        }
        answer = requests.post(f"{url}/token", data=form, timeout=30)
        return token_answer(answer.status_code, answer.headers, answer.content, clock(), app)

    return replace(
        memory_spec(memory, app),
        credential=DiaryCredential,
        open=lambda opened: DiaryConnector(memory, opened, url),
        secrets=("access_token", "refresh_token", "private_key"),
        refresh=refresh,
        consent=lambda client, guard: DiaryFlow(url, client, guard, clock),
        scopes=REQUIRED,
    )


def go(url: str, *, accept: str = "text/html") -> requests.Response:
    """What a browser does that is sent somewhere; it is not sent on."""
    return requests.get(url, allow_redirects=False, timeout=30, headers={"Accept": accept})
