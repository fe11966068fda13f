"""Real CalDAV servers on loopback, as child processes: for the demonstration and for tests.

    with radicale(folder, {"ada": "secret"}) as server:
        server.create_calendar("ada", "work", "Work")

A server is ready when it answers, and gone when the block ends, also when this process is killed: the child is told to
die with its parent where the system can do that (Linux).
"""

from __future__ import annotations

import base64
import ctypes
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from syncd.errors import SyncdError

HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0

_POLL_S = 0.05
_STOP_TIMEOUT_S = 5.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_MKCALENDAR = (
    '<?xml version="1.0" encoding="utf-8"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:set><D:prop><D:displayname>{}</D:displayname></D:prop></D:set></C:mkcalendar>"
)


class ServerError(SyncdError):
    """A server did not start, or does not do what it should."""


@dataclass(frozen=True, slots=True)
class CalDavServer:
    """A running server. `home` is the path of a user's calendars, with `{user}` in it."""

    name: str
    port: int
    passwords: Mapping[str, str]
    home: str
    log: Path

    @property
    def url(self) -> str:
        """Where a connection starts."""
        return f"http://{HOST}:{self.port}/"

    def calendar_url(self, user: str, name: str) -> str:
        """The URL of a user's calendar."""
        return f"http://{HOST}:{self.port}{self.home.format(user=user)}{name}/"

    def create_calendar(self, user: str, name: str, title: str) -> str:
        """Make an empty calendar (RFC 4791 section 5.3.1) and return its URL. Raises ServerError."""
        url = self.calendar_url(user, name)
        body = _MKCALENDAR.format(escape(title)).encode()
        status, _, _ = self.request(user, "MKCALENDAR", url, body, {"Content-Type": "text/xml; charset=utf-8"})
        if status != 201:
            raise ServerError(f"{self.name} answered MKCALENDAR with {status}; see {self.log}")
        return url

    def request(
        self, user: str, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One plain request as `user`, for what a person's own client would do."""
        login = base64.b64encode(f"{user}:{self.passwords[user]}".encode()).decode()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_TIMEOUT_S)
        try:
            connection.request(
                method,
                url.removeprefix(f"http://{HOST}:{self.port}"),
                body or None,
                {"Authorization": f"Basic {login}", **(headers or {})},
            )
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()


@contextmanager
def radicale(folder: Path, passwords: Mapping[str, str]) -> Iterator[CalDavServer]:
    """A Radicale server keeping its files in `folder`, with those users."""
    users = _password_file(folder, "".join(f"{user}:{password}\n" for user, password in passwords.items()))
    port = free_port()
    command = [sys.executable, "-m", "radicale", "--config", "", "--server-hosts", f"{HOST}:{port}"]
    command += ["--storage-filesystem-folder", str(folder / "collections"), "--auth-type", "htpasswd"]
    command += ["--auth-htpasswd-filename", str(users), "--auth-htpasswd-encryption", "plain", "--auth-delay", "0"]
    server = CalDavServer("Radicale", port, dict(passwords), "/{user}/", folder / "radicale.log")
    with _running(command, server):
        yield server


@contextmanager
def xandikos(folder: Path, passwords: Mapping[str, str]) -> Iterator[CalDavServer]:
    """A Xandikos server keeping its files in `folder`, for the one user that `passwords` names.

    It checks no password: it does so over TLS only. Whatever is on this machine can read it while it runs.
    """
    (user,) = passwords
    port = free_port()
    data = folder / "xandikos"
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "xandikos", "serve", "-d", str(data), "-l", HOST, "-p", str(port)]
    command += ["--no-detect-systemd", "--defaults", "--current-user-principal", f"/{user}/"]
    server = CalDavServer("Xandikos", port, dict(passwords), "/{user}/calendars/", folder / "xandikos.log")
    with _running(command, server):
        yield server


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], server: CalDavServer) -> Iterator[None]:
    with server.log.open("wb") as log:
        child = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent
        )
    try:
        _wait_until_ready(child, server)
        yield
    finally:
        _stop(child)


def _wait_until_ready(child: subprocess.Popen[bytes], server: CalDavServer) -> None:
    """Ask until there is an answer of HTTP."""
    user = next(iter(server.passwords))
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ServerError(f"{server.name} ended with {child.returncode}; see {server.log}")
        try:
            server.request(user, "OPTIONS", server.url)
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_S)
        else:
            return
    raise ServerError(f"{server.name} did not answer within {START_TIMEOUT_S:.0f} s; see {server.log}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _password_file(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    users = folder / "users"
    users.write_text(text, encoding="utf-8")
    users.chmod(0o600)
    return users
