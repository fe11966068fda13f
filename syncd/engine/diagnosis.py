"""Looking for what is wrong, and for what soon will be: `syncd doctor`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text

from syncd.errors import ProviderError, SyncdError, VaultError
from syncd.model.connection import ConnectionState
from syncd.source.key_objects import SHAPES, missing_scopes
from syncd.store import directory, schema
from syncd.store.envelopes import StoredEnvelopes
from syncd.store.tables import Connection
from syncd.vault import Binding, status

from .runtime import Runtime

CLOCK_TOLERANCE = timedelta(seconds=30)
GOOGLE_CALENDAR = "google-calendar"
TESTING_LIFE = timedelta(days=7)
"""Of Google's refresh tokens, while the OAuth client is in testing mode."""

PLATFORM = "platform"
LITTLE_SPACE = 200 * 1024 * 1024


class Verdict(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    SOON = "soon"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what, how it is, and what to do."""

    what: str
    verdict: Verdict
    told: str
    remedy: str = ""


def diagnose(runtime: Runtime, *, live: bool = True) -> list[Finding]:
    """Look at keys, database, clock and each connection; `live` asks the providers."""
    findings = [*_keys(runtime), *_database(runtime), *_clock(runtime)]
    with runtime.database.read() as session:
        connections = directory.listed_connections(session)
    for connection in connections:
        findings += _connection(runtime, connection, live)
    return findings


def _keys(runtime: Runtime) -> Iterable[Finding]:
    ring = runtime.vault.ring
    counted = status(StoredEnvelopes(runtime.database), ring)
    missing = {key: n for key, n in counted.items() if key not in ring.ids and n}
    if missing:
        told = ", ".join(f"{n} sealed by {key}" for key, n in missing.items())
        yield Finding(
            what="keys",
            verdict=Verdict.WRONG,
            told=f"Credentials cannot be opened: {told}, which is not in {ring.source}.",
            remedy="Put that key back, or reconnect: syncd connections reconnect ID",
        )
        return
    old = sum(n for key, n in counted.items() if key != ring.current)
    if old:
        yield Finding(
            what="keys",
            verdict=Verdict.SOON,
            told=f"{old} credential(s) are not under the current key.",
            remedy="syncd keys rotate",
        )
    else:
        yield Finding(what="keys", verdict=Verdict.OK, told=f"{len(ring.ids)} key(s) from {ring.source}.")


def _database(runtime: Runtime) -> Iterable[Finding]:
    database = runtime.database
    told = f"{database.shown_url}, schema {schema.version(database)}"
    if not database.is_sqlite:
        yield Finding(what="database", verdict=Verdict.OK, told=told)
        return
    with database.read() as session:
        damage = session.execute(text("PRAGMA quick_check")).scalar()
    if damage != "ok":
        yield Finding(what="database", verdict=Verdict.WRONG, told=f"{told}: {damage}", remedy="Restore a backup.")
        return
    free = shutil.disk_usage(Path(database.engine.url.database or ".").parent).free
    if free < LITTLE_SPACE:
        yield Finding(
            what="database",
            verdict=Verdict.SOON,
            told=f"{told}: {free >> 20} MB of disk left.",
            remedy="Free some space.",
        )
    else:
        yield Finding(what="database", verdict=Verdict.OK, told=told)


def _clock(runtime: Runtime) -> Iterable[Finding]:
    """Against the database server's clock, where there is one; and against ourselves, for a clock that jumps."""
    before, ticks = runtime.clock(), time.monotonic()
    skew = timedelta()
    if not runtime.database.is_sqlite:
        with runtime.database.read() as session:
            skew = session.execute(text("SELECT clock_timestamp()")).scalar_one() - before
    jumped = (runtime.clock() - before) - timedelta(seconds=time.monotonic() - ticks)
    worst = max(abs(skew), abs(jumped))
    if worst > CLOCK_TOLERANCE:
        yield Finding(
            what="clock",
            verdict=Verdict.WRONG,
            told=f"It is {worst.total_seconds():.0f} s off: tokens and signatures will be refused.",
            remedy="Let the system keep time: timedatectl set-ntp true",
        )
    elif runtime.database.is_sqlite:
        yield Finding(what="clock", verdict=Verdict.OK, told="Not compared with another clock.")
    else:
        yield Finding(what="clock", verdict=Verdict.OK, told=f"Within {worst.total_seconds():.1f} s.")


def _connection(runtime: Runtime, connection: Connection, live: bool) -> Iterable[Finding]:
    what = f"connection {connection.id} ({connection.app}, {connection.account or 'unknown account'})"
    if connection.state == ConnectionState.PAUSED:
        yield Finding(
            what=what, verdict=Verdict.SOON, told="Paused.", remedy=f"syncd connections resume {connection.id}"
        )
        return
    yield from (Finding(what=what, verdict=v, told=t, remedy=r) for v, t, r in _predictions(runtime, connection))
    if not live:
        return
    assert connection.id is not None
    try:
        probe = runtime.accounts.test(connection.id)
    except ProviderError as error:
        yield Finding(what=what, verdict=Verdict.WRONG, told=str(error), remedy=error.remedy)
    else:
        yield Finding(what=what, verdict=Verdict.OK, told=f"{probe.account} works.")


def _predictions(runtime: Runtime, connection: Connection) -> Iterable[tuple[Verdict, str, str]]:
    """What will break by itself: from the credential, without asking anyone."""
    assert connection.id is not None
    binding = Binding(connection_id=connection.id, app=connection.app, user_id=connection.user_id)
    try:
        credential = runtime.vault.open_credential(connection.envelope, binding)
    except VaultError as error:
        yield Verdict.WRONG, str(error), error.remedy
        return
    reconnect = f"syncd connections reconnect {connection.id}"
    refreshable = credential.get("refresh_token") or connection.token_owner == PLATFORM
    if "access_token" in credential and not refreshable:
        yield Verdict.SOON, "Its access token cannot be refreshed: no refresh token was given.", reconnect
    life = credential.get("refresh_token_expires_in")
    is_google = connection.app == GOOGLE_CALENDAR
    if is_google and isinstance(life, (int, float)) and timedelta(seconds=life) <= TESTING_LIFE:
        yield (
            Verdict.SOON,
            "Its refresh token lives 7 days: the OAuth client is in testing mode.",
            "Publish the OAuth consent screen at Google, then reconnect.",
        )
    shape, granted = SHAPES.get(connection.app), credential.get("scope")
    if shape and granted and isinstance(granted, str) and (missing := missing_scopes(shape, granted)):
        yield (
            Verdict.SOON,
            f"Its token was not granted what syncd asks for: {', and '.join(missing)}.",
            f"{reconnect}, and leave every permission ticked",
        )


def reachable(check: Callable[[], None], address: str) -> Finding:
    """Whether the daemon's own address answers. `check` raises when it does not."""
    try:
        check()
    except (OSError, ValueError, SyncdError) as error:
        return Finding(
            what="webhook address",
            verdict=Verdict.WRONG,
            told=f"{address} does not answer: {type(error).__name__}.",
            remedy="Start the daemon (syncd run), or mend [http] host and port and the proxy before it.",
        )
    return Finding(what="webhook address", verdict=Verdict.OK, told=f"{address} answers.")
