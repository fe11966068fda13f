"""The sandboxed Microsoft Graph, as tests of its connector use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from sandboxed import sandboxed
from syncd_connectors.office365_calendar import OFFICE365_CALENDAR, MicrosoftClient
from syncd_connectors.office365_calendar.connector import Office365Connector, open_office365
from syncd_connectors.office365_calendar.tokens import _tenant_tokens

from syncd.connector import CalendarConnector, CalendarRead, Opened
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Guard
from syncd.sandbox import Exchange, Sandbox
from syncd.sandbox.microsoft import MicrosoftGraph
from syncd.testing.cases import BERLIN, OWNER
from syncd.testing.mirror import Mirror

SCOPES = ("User.Read", "Calendars.ReadWrite", "MailboxSettings.Read", "offline_access")
TENANT = "contoso.example"
SECRET = "sandbox-secret"
CLIENT = {"client_id": "sandbox-client", "client_secret": SECRET}


@dataclass(frozen=True, slots=True)
class World:
    """A running Graph, and connectors to it."""

    graph: MicrosoftGraph
    sandbox: Sandbox

    @property
    def client(self) -> MicrosoftClient:
        """The registration."""
        return self.registered()

    def registered(self, **client: Any) -> MicrosoftClient:
        """A registration with settings of its own."""
        where = {"authority": self.graph.tls_url, "graph_url": self.graph.url, "ca_file": self.sandbox.ca_file}
        return MicrosoftClient.model_validate({**CLIENT, **where, **client})

    def primary(self, email: str = OWNER) -> str:
        """Somebody's own calendar."""
        with closing(self.connect(self.tokens(email))) as connector:
            return next(calendar.id for calendar in connector.calendars() if calendar.primary)

    def person(self, method: str, path: str, body: Any = None, email: str = OWNER) -> Any:
        """What another client of the mailbox does; `path` is below the mailbox."""
        token = self.graph.issuer.issue(email, SCOPES)["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Prefer": 'IdType="ImmutableId", outlook.timezone="UTC"'}
        session = requests.Session()
        session.trust_env = False
        answer = session.request(method, f"{self.graph.url}/v1.0/me{path}", json=body, headers=headers, timeout=10)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def instances(self, series: str, email: str = OWNER) -> dict[str, str]:
        """The occurrences of a series: where the rule put them -> id."""
        window = "startDateTime=2027-01-01T00:00:00Z&endDateTime=2028-01-01T00:00:00Z&$top=500"
        told = self.person("GET", f"/events/{series}/instances?{window}", email=email)
        return {item["originalStart"]: item["id"] for item in told["value"]}

    def tokens(self, email: str = OWNER, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
        """What somebody who has consented has."""
        told = self.graph.issuer.issue(email, scopes)
        return {name: told[name] for name in ("access_token", "refresh_token", "scope")} | {"email": email}

    def opened(self, credential: dict[str, Any], *, batch: int = 20, clock: Clock = utc_now, **guard: Any) -> Opened:
        """What a connector is opened with."""
        return Opened(
            connection_id=1,
            credential=OFFICE365_CALENDAR.credential.model_validate(credential),
            settings=OFFICE365_CALENDAR.settings(),
            guard=Guard("office365-calendar", 1, concurrency=4, clock=clock, **{"timeout_s": 10, **guard}),
            client=self.registered(batch=batch),
        )

    def connect(
        self, credential: dict[str, Any] | None = None, *, batch: int = 20, clock: Clock = utc_now, **guard: Any
    ) -> Office365Connector:
        """A connector, by default the owner's own."""
        given = self.tokens() if credential is None else credential
        return open_office365(self.opened(given, batch=batch, clock=clock, **guard), clock)

    def delegated(self, email: str = OWNER, secret: str = SECRET) -> Office365Connector:
        """A connector by a tenant's application."""
        return self.connect(delegation(email, secret))


def delegation(email: str = OWNER, secret: str = SECRET) -> dict[str, str]:
    """A tenant's application acting for a mailbox."""
    return {"tenant_id": TENANT, "client_id": "sandbox-client", "private_key": secret, "subject": email}


@contextmanager
def office365() -> Iterator[World]:
    """Graph with the mailbox of the owner, in Berlin."""
    graph = MicrosoftGraph()
    graph.add_user(OWNER, zone="W. Europe Standard Time")
    with sandboxed([graph]) as sandbox:
        yield World(graph, sandbox)
    _tenant_tokens.cache_clear()  # the next sandbox may get this one's port


def read(calendar: str) -> CalendarRead:
    return CalendarRead(id=calendar, zone=BERLIN, owner_emails=frozenset({OWNER}))


def mirrored(connector: CalendarConnector, calendar: str) -> Mirror:
    return Mirror(connector, read(calendar)).sync()


def exchanges(world: World) -> list[Exchange]:
    """Every exchange from now on."""
    seen: list[Exchange] = []
    world.sandbox.tap(seen.append)
    return seen
