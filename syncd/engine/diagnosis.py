"""Looking for what is wrong, and for what soon will be: `syncd doctor`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text

from syncd.connector import ConnectorSpec
from syncd.connector.oauth import missing_scopes
from syncd.errors import ConfigError, ProviderError, SyncdError, VaultError
from syncd.model.connection import ConnectionState
from syncd.store import delegations, directory, schema
from syncd.store.envelopes import counted_by_key
from syncd.store.tables import Connection, Delegation
from syncd.vault import Binding

from .consents import callback_address
from .opening import secret_variable
from .runtime import Runtime

CLOCK_TOLERANCE = timedelta(seconds=30)
GOOGLE_CALENDAR = "google-calendar"
TESTING_LIFE = timedelta(days=7)
"""Of Google's refresh tokens, while the OAuth client is in testing mode."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Where providers allow an address without TLS."""

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
        connections, keys = directory.listed_connections(session), delegations.listed(session)
    findings += [*_registrations(runtime, connections), *_redirect_address(runtime)]
    findings += [_delegation(row) for row in keys]
    for connection in connections:
        findings += _connection(runtime, connection, live)
    return findings


def _keys(runtime: Runtime) -> Iterable[Finding]:
    ring = runtime.vault.ring
    counted = counted_by_key(runtime.database, ring)
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


def _registrations(runtime: Runtime, connections: Iterable[Connection]) -> Iterable[Finding]:
    """Apps whose tokens syncd refreshes itself, and where nobody knows it."""
    for app in sorted({c.app for c in connections if c.token_owner != PLATFORM and c.delegation_id is None}):
        spec = _spec(runtime, app)
        if spec is None or spec.consent is None:
            continue
        what = f"client of {app}"
        try:
            if runtime.opener.client(app).client_id:
                continue
        except ConfigError as error:
            yield Finding(what=what, verdict=Verdict.WRONG, told=str(error), remedy=error.remedy)
            continue
        yield Finding(
            what=what,
            verdict=Verdict.WRONG,
            told="syncd is not registered with its provider: tokens cannot be refreshed, and nobody can connect.",
            remedy=f"Set [apps.{app}.client] client_id, and the secret by file, systemd or ${secret_variable(app)}",
        )


def _redirect_address(runtime: Runtime) -> Iterable[Finding]:
    """Where people come back to who connect by HTTP; looked at where a client is registered, or an address set."""
    settings = runtime.settings
    address = callback_address(settings.http)
    if not address and not any(app.client.get("client_id") for app in settings.apps.values()):
        return
    what, parts = "redirect address", urlsplit(address)
    if not address:
        told = "Connecting by HTTP is off, as no [http] public_url is set. The command line can connect."
        yield Finding(what=what, verdict=Verdict.OK, told=told)
    elif parts.scheme != "https" and parts.hostname not in LOOPBACK:
        yield Finding(
            what=what,
            verdict=Verdict.WRONG,
            told=f"{address} is not encrypted: providers send nobody there.",
            remedy="Let a proxy do TLS, and name its https:// address in [http] public_url",
        )
    else:
        yield Finding(what=what, verdict=Verdict.OK, told=f"Each OAuth client must have {address} registered.")


def _delegation(row: Delegation) -> Finding:
    what = f"delegation {row.id} ({row.platform}, {row.domain})"
    if not row.enabled:
        return Finding(what=what, verdict=Verdict.SOON, told="Disabled.", remedy=f"syncd delegations enable {row.id}")
    if row.error_code:
        told = f"It failed for {row.failed_email}: {row.error}"
        return Finding(what=what, verdict=Verdict.WRONG, told=told, remedy=row.remedy)
    return Finding(what=what, verdict=Verdict.OK, told="Nothing failed.")


def _spec(runtime: Runtime, app: str) -> ConnectorSpec | None:
    """The app's connector; None when there is none here."""
    try:
        return runtime.registry.spec(app)
    except ConfigError:
        return None


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
    spec, granted = _spec(runtime, connection.app), credential.get("scope")
    if spec and granted and isinstance(granted, str) and (missing := missing_scopes(spec.scopes, granted)):
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
