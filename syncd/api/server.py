"""The HTTP server of the daemon: its socket, its application, its life on the event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from syncd.engine.arrivals import Arrivals
from syncd.engine.audit import Audit
from syncd.engine.metrics import Metrics
from syncd.engine.overview import overview
from syncd.engine.platform import Platform
from syncd.engine.runtime import Runtime
from syncd.errors import ConfigError
from syncd.secrets import find_secret
from syncd.settings import Http, Settings

from .access import Gate
from .app import create_app
from .consents import ConsentCallback
from .credentials import CredentialWebhook
from .health import health_routes
from .push import PushWebhook
from .webhooks import BookingWebhook, Signatures, signatures

LISTEN_VARIABLE = "SYNCD_LISTEN_FD"
WEBHOOK_SECRETS = ("syncd-webhook-secrets", ("SYNCD_WEBHOOK_SECRETS",))
LATE_REQUESTS_S = 0.3
"""How long connections that are open may take to send the request they were opened for, when the server stops."""

LAST_WORD_S = 5
"""How long open HTTP requests may take to end."""


class HttpServer:
    """Listens from the start, so that an address in use is found before any work is done.

    Args:
        arrived: told after deliveries were stored.
        pushed: told after a provider's call made calendars due.
        not_ready: the reasons why the daemon is not ready; none when it is.

    Raises:
        ConfigError: the address cannot be listened on, or a secret cannot be used.
    """

    def __init__(
        self,
        runtime: Runtime,
        metrics: Metrics,
        platform: Platform,
        environ: Mapping[str, str],
        *,
        arrived: Callable[[], None],
        pushed: Callable[[], None],
        not_ready: Callable[[], list[str]],
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._platform = platform
        self._http = runtime.settings.http
        self._signatures = webhook_signatures(runtime.settings, environ)
        self._arrived = arrived
        self._pushed = pushed
        self._not_ready = not_ready
        self._arrivals: Arrivals | None = None
        self._callback: ConsentCallback | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = _listening(self._http, environ)
        host, port = self._socket.getsockname()[:2]
        self.address = f"http://{host}:{port}"

    async def serve(self) -> None:
        """Serve until `ask_to_stop`."""
        config = uvicorn.Config(
            self._application(),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LAST_WORD_S,
        )
        self._server = _Server(config)
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket.dup()])  # uvicorn closes what it is given

    def ask_to_stop(self) -> None:
        """Take no more connections and let what is open end. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_accepting)

    def _stop_accepting(self) -> None:
        """Connections accepted a moment ago have not sent their request yet; uvicorn would cut them off. What is not
        accepted stays with the socket.
        """
        assert self._server is not None
        assert self._loop is not None
        for server in self._server.servers:
            server.close()
        self._loop.call_later(LATE_REQUESTS_S, self._exit)

    def _exit(self) -> None:
        assert self._server is not None
        self._server.should_exit = True

    def close(self) -> None:
        """Store what was still on its way in; consents that are not finished are begun anew."""
        if self._arrivals is not None:
            self._arrivals.close()
        if self._callback is not None:
            self._callback.close()

    def bequeath(self) -> None:
        """Keep the socket open for the program this process becomes."""
        os.set_inheritable(self._socket.fileno(), True)
        os.environ[LISTEN_VARIABLE] = str(self._socket.fileno())

    def _application(self) -> ASGIApp:
        runtime, clock = self._runtime, self._runtime.clock
        self._arrivals = Arrivals(runtime.database, clock, self._arrived)
        bookings = BookingWebhook(self._signatures, self._arrivals, self._http, clock, self._counter("bookings"))
        credentials = CredentialWebhook(
            self._platform.receiver,
            self._platform.answers,
            self._platform.audit,
            access=self._platform.access,
            settings=runtime.settings.credential_sync,
            http=self._http,
            clock=clock,
            count=self._counter("credentials"),
        )
        audit = Audit(runtime.database, clock)
        gate = Gate(runtime.database, audit, self._http, clock)
        self._callback = ConsentCallback(runtime.consents, audit, self._http, clock)
        health = health_routes(self._not_ready, self._metrics.registry, self._show)
        push = PushWebhook(runtime.pushes, self._http, self._pushed, self._counter("push"))
        plain = [*credentials.routes(), *push.routes(), *self._callback.routes(), *health]
        return create_app(bookings, plain, lambda: _documented(runtime, gate))

    def _counter(self, webhook: str) -> Callable[[str], None]:
        return lambda outcome: self._metrics.count_webhook(webhook, outcome)

    def _show(self) -> None:
        """Set the gauges."""
        stale_after = timedelta(minutes=self._runtime.settings.busy.stale_minutes)
        with self._runtime.database.read() as session:
            found = overview(session, self._runtime.clock(), stale_after)
        self._metrics.show(found, self._runtime.pool.quotas())


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handling."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield


def webhook_signatures(settings: Settings, environ: Mapping[str, str]) -> Signatures:
    """The secrets of the booking webhook; none makes every delivery refused unless unsigned ones are allowed."""
    name, variables = WEBHOOK_SECRETS
    secret = find_secret(name, variables, environ, settings.webhooks.secrets_file)
    return signatures(secret.value if secret else "", settings.webhooks.allow_unsigned)


def _listening(http: Http, environ: Mapping[str, str]) -> socket.socket:
    """The socket kept open over a reload when its address is still the one wanted, else a new one.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    wanted = (http.host, http.port)
    with suppress(KeyError, ValueError, OSError):
        kept = socket.socket(fileno=int(environ[LISTEN_VARIABLE]))
        if kept.getsockname()[:2] == wanted or wanted[1] == 0:
            return kept
        kept.close()
    try:
        family = socket.AF_INET6 if ":" in wanted[0] else socket.AF_INET
        listening = socket.create_server(wanted, family=family, backlog=2048)
        # callers' sockets inherit it; else the body of an answer waits 40 ms for the acknowledgement of its head
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {wanted[0]} port {wanted[1]}: {error.strerror}.", remedy="Mend [http] host and port."
        ) from error


def _documented(runtime: Runtime, gate: Gate) -> Starlette:
    from .documented import documented

    return documented(runtime, gate)
