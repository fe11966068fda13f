"""The whole HTTP interface as documented: every answer is one the document foresees, and no request breaks it.

Requests are drawn from the document itself, against a running daemon, with every credential right and with none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from cli.command_line import finished
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err, Ok
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from syncd.api.webhooks import UNSIGNED

from .daemon import Daemon, configuration, running

SYNC_SECRET, SYNC_KEY = "the-sync-secret", "0123456789abcdef0123456789ABCDEF"
SYNC = {"CALCOM_CREDENTIAL_SYNC_SECRET": SYNC_SECRET, "CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY": SYNC_KEY}
EXAMPLES = 25
OPEN = "failures_per_minute = 100000\n[webhooks]\nallow_unsigned = true"
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
CONTRACT = {"/api/webhook/app-credential", "/api/credential-sync/token"}
"""Where Cal.com's own contract answers 500, to a body that is not JSON or does not decrypt."""

PLAIN_ROUTES = {
    "/api/webhook/bookings": {"post"},
    "/api/webhook/app-credential": {"post", "get", "delete"},
    "/api/credential-sync/token": {"post"},
    "/api/connections/callback": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}


@dataclass(frozen=True)
class Caller:
    """Who asks which daemon, with which headers."""

    daemon: Daemon
    headers: Mapping[str, str]

    def failures(self) -> list[str]:
        """What broke inside, as the daemon counted it."""
        lines = self.daemon.ask("/metrics").body.decode().splitlines()
        return [line for line in lines if 'outcome="failed"' in line or 'outcome="store_failed"' in line]


@pytest.fixture(scope="module", params=["with credentials", "without"])
def caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    knows = request.param == "with credentials"
    config = configuration(tmp_path_factory.mktemp("open"), http=OPEN if knows else OPEN.replace("true", "false"))
    with running(config, SYNC) as daemon:
        yield Caller(daemon, _credentials(config) if knows else {})


def _credentials(config: Path) -> dict[str, str]:
    scopes = ("--scope", "APPS_READ", "--scope", "APPS_WRITE", "--scope", "BOOKING_READ")
    key = finished(config, "api-keys", "create", "--name", "all", "--admin", *scopes).out.strip()
    return {
        "Authorization": f"Bearer {key}",
        "calcom-credential-sync-secret": SYNC_SECRET,
        "X-Cal-Signature-256": UNSIGNED,
    }


@pytest.fixture(scope="module")
def document(caller: Caller) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{caller.daemon.address}/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_documented_and_none_is_a_server_error(
    document: BaseSchema, caller: Caller, mode: GenerationMode
) -> None:
    for operation in operations(document):
        ask_all(operation, caller, mode)


def ask_all(operation: APIOperation[Any, Any, Any, Any], caller: Caller, mode: GenerationMode) -> None:
    """Many requests to one operation: as documented, or not at all."""

    @settings(
        derandomize=True, max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        response = case.call(headers=dict(caller.headers))
        case.validate_response(response, checks=CHECKS)
        if response.status_code == 500 and case.path in CONTRACT:
            assert caller.failures() == []
        else:
            case.validate_response(response, checks=[not_a_server_error])

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # where nothing is asked for, nothing can be asked wrongly


def test_every_route_is_documented(caller: Caller) -> None:
    document = caller.daemon.ask("/openapi.json").document
    told = {path: {*operations} for path, operations in document["paths"].items() if not path.startswith("/v2/")}
    assert told == PLAIN_ROUTES
    assert caller.daemon.ask("/docs").status == 200


def test_a_route_that_needs_a_credential_refuses_without(document: BaseSchema, caller: Caller) -> None:
    guarded = [operation for operation in operations(document) if operation.definition.raw.get("security")]
    assert len(guarded) >= len(PLAIN_ROUTES)
    for operation in guarded:
        wrong = {"X-Cal-Signature-256": "0" * 64}
        assert caller.daemon.ask(operation.path, operation.method.upper(), b"{}", wrong).status in (401, 403)


def operations(document: BaseSchema) -> list[APIOperation[Any, Any, Any, Any]]:
    """Every operation; a document that cannot be read raises."""
    found = list(document.get_all_operations())
    assert not [each for each in found if isinstance(each, Err)]
    return [each.ok() for each in found if isinstance(each, Ok)]
