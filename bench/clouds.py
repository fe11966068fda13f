"""Sandboxed providers for benchmarks: in this process, to count calls; or in one of their own, to take time.

python -m bench.clouds APP PEOPLE CALENDARS    serves until standard input ends; prints one JSON document
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from syncd.demo.clients import client_settings
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.sandbox import Provider, Sandbox
from syncd.sandbox.catalog import providers
from syncd.settings import Settings
from syncd.store import directory
from syncd.vault import generate_key, parse_keys

from .engine import email_of

ROOT = Path(__file__).resolve().parent.parent
SCOPES: Mapping[str, tuple[str, ...]] = {
    "google-calendar": ("https://www.googleapis.com/auth/calendar", "openid", "email"),
    "office365-calendar": ("User.Read", "Calendars.ReadWrite", "offline_access"),
    "zohocalendar": ("ZohoCalendar.calendar.ALL", "ZohoCalendar.event.ALL", "ZohoCalendar.freebusy.READ"),
}


@dataclass(slots=True)
class Cloud:
    """A provider with people: user number -> credential and calendars. `control` asks its control endpoint."""

    app: str
    url: str
    client: dict[str, str]
    credentials: dict[int, dict[str, Any]] = field(default_factory=dict)
    calendars: dict[int, list[str]] = field(default_factory=dict)
    provider: Provider | None = None

    def control(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Any:
        """One request to `/_sandbox`."""
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_sandbox{path}", content, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def calls(self) -> dict[str, int]:
        """Requests so far, by method and template."""
        return dict(self.control("GET")["calls"])


def _peopled(sandbox: Sandbox, app: str, people: int, calendars: int) -> Cloud:
    provider: Any = sandbox.providers[app]
    cloud = Cloud(app, provider.url, client_settings(sandbox, app), provider=provider)
    for number in range(1, people + 1):
        email = email_of(number)
        provider.add_user(email)
        tokens = provider.issuer.issue(email, SCOPES[app])
        cloud.credentials[number] = {**tokens, "email": email}
        cloud.calendars[number] = [provider.add_calendar(email, f"Calendar {n}") for n in range(calendars)]
    return cloud


@contextmanager
def here(app: str, people: int = 1, calendars: int = 1) -> Iterator[Cloud]:
    """A provider in this process."""
    with (
        TemporaryDirectory(prefix="syncd-bench-") as folder,
        Sandbox(providers([app]), folder=Path(folder)) as sandbox,
    ):
        yield _peopled(sandbox, app, people, calendars)


@contextmanager
def apart(app: str, people: int = 1, calendars: int = 1) -> Iterator[Cloud]:
    """A provider in a process of its own."""
    words = [sys.executable, "-m", "bench.clouds", app, str(people), str(calendars)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        told = json.loads(child.stdout.readline())
        told["credentials"] = {int(k): v for k, v in told["credentials"].items()}
        told["calendars"] = {int(k): v for k, v in told["calendars"].items()}
        try:
            yield Cloud(**told)
        finally:
            child.stdin.close()


@contextmanager
def cloud_engine(*clouds: Cloud, limits: Mapping[str, Any] | None = None, threads: int = 64) -> Iterator[Runtime]:
    """An engine on SQLite that is registered with the providers. `limits` are more settings of each app."""
    with TemporaryDirectory(prefix="syncd-bench-") as folder:
        secret = Path(folder) / "secret"
        secret.touch(mode=0o600)
        secret.write_text("sandbox-secret", encoding="utf-8")
        apps = {c.app: {"client": {**c.client, "client_secret_file": str(secret)}, **(limits or {})} for c in clouds}
        url = f"sqlite:///{folder}/syncd.db"
        settings = Settings.model_validate({"database_url": url, "apps": apps, "writes": {"threads": threads}})
        runtime = Runtime(settings, parse_keys(generate_key("bench").line() + "\n", "bench"))
        try:
            runtime.upgrade()
            yield runtime
        finally:
            runtime.close()


def connect_all(runtime: Runtime, cloud: Cloud, *, first_only: bool = True) -> None:
    """Everybody connected; their calendars checked, the first theirs to be written to."""
    for number, credential in cloud.credentials.items():
        with runtime.database.write() as session:
            directory.add_user(session, number, email_of(number), utc_now(), zone="Europe/Berlin")
        runtime.accounts.add(number, cloud.app, credential, {})
        with runtime.database.write() as session:
            for calendar, connection in directory.listed_calendars(session, user_id=number):
                mine = connection.app == cloud.app and calendar.external_id in cloud.calendars[number]
                directory.select_calendar(session, calendar, mine and not first_only, utc_now())
                if mine and calendar.external_id == cloud.calendars[number][0]:
                    directory.set_destination(session, calendar, user_id=number)


def main(app: str, people: str, calendars: str) -> None:
    """Serve until standard input ends."""
    with here(app, int(people), int(calendars)) as cloud:
        told = {name: getattr(cloud, name) for name in ("app", "url", "client", "credentials", "calendars")}
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
