"""The booking webhook: verified, stored, and only then acknowledged."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from importlib import resources

import pytest
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from syncd.api.webhooks import UNSIGNED, BookingWebhook, signatures
from syncd.engine.arrivals import Arrivals
from syncd.model.clock import utc_now
from syncd.settings import Http
from syncd.store import inbox
from syncd.store.database import Database
from syncd.store.inbox import DeliveryState
from syncd.store.tables import Delivery

SECRET = "first-secret"
NEXT_SECRET = "second-secret"
Client = Callable[..., TestClient]


def sample(name: str = "01-created") -> bytes:
    return (resources.files("syncd.demo.samples") / f"{name}.json").read_bytes()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Cal-Signature-256": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


@pytest.fixture
def outcomes() -> list[str]:
    return []


@pytest.fixture
def client(database: Database, outcomes: list[str]) -> Iterator[Client]:
    arrivals = Arrivals(database, utc_now)

    def make(allow_unsigned: bool = False, http: Http | None = None) -> TestClient:
        accepted = signatures(f"{SECRET}\n{NEXT_SECRET}\n", allow_unsigned)
        webhook = BookingWebhook(accepted, arrivals, http or Http(), utc_now, outcomes.append)
        return TestClient(Starlette(routes=[Route("/", webhook.take, methods=["POST"])]))

    yield make
    arrivals.close()


def deliveries(database: Database) -> list[Delivery]:
    with database.read() as session:
        return kept(session)


def kept(session: Session) -> list[Delivery]:
    return inbox.listed(session, list(DeliveryState), 100)


def test_an_acknowledged_delivery_is_stored(client: Client, database: Database, outcomes: list[str]) -> None:
    answer = client().post("/", content=sample(), headers=signed(sample()))
    assert answer.status_code == 200
    assert [(d.state, d.source, d.body) for d in deliveries(database)] == [("new", "webhook", sample().decode())]
    assert outcomes == ["stored"]


def test_a_repeated_delivery_is_acknowledged_and_changes_nothing(client: Client, database: Database) -> None:
    caller = client()
    for _ in range(3):
        assert caller.post("/", content=sample(), headers=signed(sample())).status_code == 200
    assert [d.repeats for d in deliveries(database)] == [2]


def test_either_secret_is_accepted_while_they_rotate(client: Client) -> None:
    assert client().post("/", content=sample(), headers=signed(sample(), NEXT_SECRET)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Cal-Signature-256": UNSIGNED},
        {"X-Cal-Signature-256": "0" * 64},
        {"X-Cal-Signature-256": "ä"},
        signed(sample(), "another-secret"),
        signed(sample() + b" "),
    ],
    ids=["none", "literal", "zeros", "not ascii", "other secret", "other body"],
)
def test_a_delivery_nobody_signed_is_refused_and_leaves_nothing(
    client: Client, database: Database, headers: dict[str, str]
) -> None:
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    answer = client().post("/", content=sample(), headers=encoded)
    assert answer.status_code == 401
    assert deliveries(database) == []


def test_the_literal_for_no_secret_is_taken_only_when_allowed(client: Client) -> None:
    caller = client(allow_unsigned=True)
    assert caller.post("/", content=sample(), headers={"X-Cal-Signature-256": UNSIGNED}).status_code == 200
    assert caller.post("/", content=sample(), headers={"X-Cal-Signature-256": "0" * 64}).status_code == 401


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"triggerEvent": "NO_SUCH"}', "Unknown trigger"),
        (b'{"triggerEvent": "BOOKING_CREATED", "payload": {"uid": "u"}}', "startTime"),
        (b"[" * 100 + b"]" * 100, "nested deeper"),
        (b'{"triggerEvent": "BOOKING_CREATED", "x": "\xff"}', "not JSON"),
    ],
    ids=["cut", "empty", "list", "trigger", "fields", "deep", "not utf-8"],
)
def test_an_unusable_delivery_is_refused_with_its_reason_and_kept(
    client: Client, database: Database, body: bytes, reason: str
) -> None:
    answer = client().post("/", content=body, headers=signed(body))
    assert answer.status_code == 400
    assert reason in answer.json()["message"]
    (found,) = deliveries(database)
    assert found.state == "quarantined"
    assert reason in found.reason


def test_a_trigger_that_concerns_nobody_is_acknowledged_and_counted(
    client: Client, database: Database, outcomes: list[str]
) -> None:
    body = json.dumps({"triggerEvent": "FORM_SUBMITTED", "payload": {}}).encode()
    assert client().post("/", content=body, headers=signed(body)).status_code == 200
    assert deliveries(database) == []
    assert outcomes == ["ignored"]


def test_a_flat_delivery_is_understood(client: Client) -> None:
    body = json.dumps({"triggerEvent": "MEETING_ENDED", "uid": "u", "startTime": "2026-01-01T10:00:00Z"}).encode()
    assert client().post("/", content=body, headers=signed(body)).status_code == 200


def test_a_webhook_version_that_is_not_known_is_refused(client: Client) -> None:
    known = {**signed(sample()), "X-Cal-Webhook-Version": "2021-10-20"}
    unknown = {**signed(sample()), "X-Cal-Webhook-Version": "2031-01-01"}
    assert client().post("/", content=sample(), headers=unknown).status_code == 422
    assert client().post("/", content=sample(), headers=known).status_code == 200


def test_a_body_that_is_too_long_is_refused_unread(client: Client, database: Database) -> None:
    body = b"x" * 2000
    answer = client(http=Http(max_body_kb=1)).post("/", content=body, headers=signed(body))
    assert answer.status_code == 413
    assert deliveries(database) == []


def test_brackets_inside_texts_are_no_nesting(client: Client) -> None:
    body = json.loads(sample())
    body["payload"]["additionalNotes"] = '[{"' * 200 + "\\"
    raw = json.dumps(body).encode()
    assert client().post("/", content=raw, headers=signed(raw)).status_code == 200


def test_a_source_that_asks_too_often_waits(client: Client) -> None:
    caller = client(http=Http(requests_per_minute=2))
    statuses = [caller.post("/", content=sample(), headers=signed(sample())).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_a_source_that_guesses_signatures_is_not_heard_for_a_while(client: Client) -> None:
    caller = client(http=Http(failures_per_minute=3))
    wrong = {"X-Cal-Signature-256": "0" * 64}
    assert [caller.post("/", content=sample(), headers=wrong).status_code for _ in range(4)] == [401, 401, 401, 429]
    assert caller.post("/", content=sample(), headers=signed(sample())).status_code == 429


def test_forwarded_addresses_are_believed_from_trusted_proxies_only(client: Client) -> None:
    caller = client(http=Http(requests_per_minute=1))
    statuses = [
        caller.post("/", content=sample(), headers={**signed(sample()), "X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(2)
    ]
    assert statuses == [200, 429]


def test_a_delivery_that_cannot_be_stored_is_not_acknowledged(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = Database(f"sqlite:///{tmp_path_factory.mktemp('empty')}/none.db")
    arrivals = Arrivals(empty, utc_now)
    webhook = BookingWebhook(signatures(SECRET, False), arrivals, Http(), utc_now)
    caller = TestClient(Starlette(routes=[Route("/", webhook.take, methods=["POST"])]))
    try:
        answer = caller.post("/", content=sample(), headers=signed(sample()))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    finally:
        arrivals.close()
        empty.close()
