"""`POST /api/push/{app}`: what is answered, and that nothing slow happens in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from syncd.api.push import PushWebhook
from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest
from syncd.engine.pushes import Taken
from syncd.errors import InputError, StoreError
from syncd.settings import Http


class Pushes:
    """Stands where the engine's is: answers, or raises what it is told to."""

    def __init__(self, told: Taken | Exception) -> None:
        self.told = told
        self.seen: list[tuple[str, PushRequest]] = []

    def take(self, app: str, request: PushRequest) -> Taken:
        self.seen.append((app, request))
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


NOTICE = PushNotice(channel_id="c", token="t", kind=PushKind.CHANGED)
ACCEPTED = PushAnswer(notices=(NOTICE,), status=202)

Caller = Callable[..., tuple[TestClient, Pushes, list[str]]]


@pytest.fixture
def caller() -> Caller:
    def make(told: Taken | Exception, **http: int) -> tuple[TestClient, Pushes, list[str]]:
        pushes, happened = Pushes(told), []
        webhook = PushWebhook(pushes, Http(**http), lambda: happened.append("woken"), happened.append)  # type: ignore[arg-type]
        return TestClient(Starlette(routes=webhook.routes())), pushes, happened

    return make


def test_a_call_is_passed_on_whole_and_wakes_the_reader(caller: Caller) -> None:
    client, pushes, happened = caller(Taken(answer=ACCEPTED, due=True))
    answer = client.post("/api/push/memory?a=1", content=b"body", headers={"X-Goog-Channel-ID": "c"})
    assert (answer.status_code, answer.text) == (202, "")
    ((app, request),) = pushes.seen
    assert (app, request.query["a"], request.body) == ("memory", "1", b"body")
    assert request.headers["x-goog-channel-id"] == "c"
    assert happened == ["woken", "taken"]


def test_a_call_that_makes_nothing_due_wakes_nobody(caller: Caller) -> None:
    client, _, happened = caller(Taken(answer=ACCEPTED))
    assert client.post("/api/push/memory").status_code == 202
    assert happened == ["taken"]


def test_a_handshake_is_answered_as_plain_text_and_wakes_nobody(caller: Caller) -> None:
    client, _, happened = caller(Taken(answer=PushAnswer(text="<script>token</script>")))
    answer = client.post("/api/push/memory?validationToken=x")
    assert (answer.status_code, answer.text) == (200, "<script>token</script>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert happened == ["handshake"]


@pytest.mark.parametrize(
    ("told", "status", "outcome"),
    [
        (Taken(answer=ACCEPTED, unknown=1), 403, "unknown"),
        (Taken(answer=ACCEPTED, forged=1), 403, "forged"),
        (InputError("no"), 400, "unusable"),
        (InputError("no", code="no_push"), 404, "unusable"),
        (StoreError("away"), 503, "store_failed"),
    ],
)
def test_what_is_refused_wakes_nobody(caller: Caller, told: Taken | Exception, status: int, outcome: str) -> None:
    client, _, happened = caller(told)
    assert client.post("/api/push/memory").status_code == status
    assert happened == [outcome]


def test_what_of_a_call_is_believed_counts_though_the_rest_is_refused(caller: Caller) -> None:
    client, _, happened = caller(Taken(answer=ACCEPTED, unknown=1, due=True))
    assert client.post("/api/push/memory").status_code == 403
    assert happened == ["woken", "unknown"]


def test_who_forges_is_not_heard_any_more(caller: Caller) -> None:
    client, pushes, _ = caller(Taken(answer=ACCEPTED, forged=1), failures_per_minute=2)
    assert [client.post("/api/push/memory").status_code for _ in range(4)] == [403, 403, 429, 429]
    assert len(pushes.seen) == 2


def test_a_provider_that_calls_over_forgotten_channels_is_heard_on_those_that_are_left(caller: Caller) -> None:
    client, pushes, _ = caller(Taken(answer=ACCEPTED, unknown=1), failures_per_minute=2)
    assert {client.post("/api/push/memory").status_code for _ in range(4)} == {403}
    pushes.told = Taken(answer=ACCEPTED, due=True)
    assert client.post("/api/push/memory").status_code == 202


def test_requests_have_a_limit_and_bodies_a_size(caller: Caller) -> None:
    client, _, happened = caller(Taken(answer=PushAnswer()), requests_per_minute=2, max_body_kb=1)
    assert client.post("/api/push/memory", content=b"x" * 2000).status_code == 413
    assert [client.post("/api/push/memory").status_code for _ in range(2)] == [200, 429]
    assert happened == ["too_long", "handshake", "limited"]
