"""Serving sandboxed providers: one process, one port for each, and one more over TLS for clients that insist."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .kernel import Answer, Exchange, Provider, Quota, Request

HOST = "127.0.0.1"
CONTROL = "/_sandbox"
GARBLED = Answer(200, "<html><title>Sign in</title><p>Welcome to the hotel's network.</html>")
HOLD_LOOK_S = 0.01

Tap = Callable[[Exchange], None]


class Sandbox:
    """Serves providers from a thread of its own while the block runs.

    Args:
        ports: provider name -> port; any free one where none is named.
        folder: where certificates are put; a temporary one by default.
    """

    def __init__(
        self, providers: Sequence[Provider], *, ports: Mapping[str, int] | None = None, folder: Path | None = None
    ) -> None:
        self.providers = {p.name: p for p in providers}
        self._ports = dict(ports or {})
        self._temporary = tempfile.TemporaryDirectory(prefix="syncd-sandbox-") if folder is None else None
        self._folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self._taps: list[Tap] = []
        self._servers: list[_Server] = []
        self._sockets: list[socket.socket] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="syncd-sandbox", daemon=True)

    @property
    def ca_file(self) -> str:
        """The certificate authority of the TLS ports."""
        return str(self._folder / "ca.pem")

    def url(self, name: str) -> str:
        """Where a provider is served, without a final slash."""
        return self.providers[name].url

    def tap(self, tap: Tap) -> None:
        """Be told of every exchange, on the server's thread."""
        self._taps.append(tap)

    def __enter__(self) -> Self:
        self._listen()
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError("The sandbox did not start.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for provider in self.providers.values():
            provider.faults.clear()
        for server in self._servers:
            server.should_exit = True
            server.force_exit = True
        self._thread.join()
        for each in self._sockets:
            each.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _listen(self) -> None:
        context = self._certificate() if any(p.tls for p in self.providers.values()) else None
        for provider in self.providers.values():
            port = self._add(provider, self._ports.get(provider.name, 0), None)
            provider.url = f"http://{HOST}:{port}"
            if provider.tls:
                port = self._add(provider, self._ports.get(f"{provider.name}-tls", 0), context)
                provider.tls_url = f"https://{HOST}:{port}"

    def _add(self, provider: Provider, port: int, tls: tuple[Path, Path] | None) -> int:
        listening = socket.create_server((HOST, port), backlog=1024)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(listening)
        config = uvicorn.Config(
            _Application(provider, self._taps),
            http=_Protocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        if tls is not None:
            config.ssl_certfile, config.ssl_keyfile = tls
            config.ssl_version = ssl.PROTOCOL_TLS_SERVER
        self._servers.append(_Server(config))
        return int(listening.getsockname()[1])

    def _certificate(self) -> tuple[Path, Path]:
        """A certificate for this machine, of an authority made for it."""
        import trustme

        authority, key = trustme.CA(), self._folder / "key.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert(HOST, "localhost")
        chain = self._folder / "chain.pem"
        for n, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(str(chain), append=n > 0)
        issued.private_key_pem.write_to_path(str(key))
        return chain, key

    async def _serve(self) -> None:
        running = [
            asyncio.ensure_future(server.serve(sockets=[listening]))
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started for server in self._servers) and not any(task.done() for task in running):
            await asyncio.sleep(0.005)
        self._ready.set()
        await asyncio.gather(*running)
        for server in self._servers:
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        await asyncio.sleep(0.01)  # until they are closed


class _Server(uvicorn.Server):
    """uvicorn's server in a thread that is not the main one."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the program."""

    def capture_signals(self) -> Any:
        """Leave signals to the program."""
        from contextlib import nullcontext

        return nullcontext()


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with a way to cut the connection."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["syncd.cut"] = self.transport.abort  # type: ignore[typeddict-unknown-key]


class _Application:
    """One provider as an ASGI application."""

    def __init__(self, provider: Provider, taps: Sequence[Tap]) -> None:
        self._provider = provider
        self._taps = taps

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await _read(scope, receive)
        if request.path == CONTROL or request.path.startswith(f"{CONTROL}/"):
            await _send(send, control(self._provider, request))
            return
        provider = self._provider
        account = provider.account_of(request)
        provider.in_flight[account] += 1
        provider.peak[account] = max(provider.peak[account], provider.in_flight[account])
        try:
            answer, template, forced = await self._answered(request)
        finally:
            provider.in_flight[account] -= 1
        self._tell(request, template, answer, forced)
        if answer is None:
            scope["syncd.cut"]()
            await asyncio.sleep(0.01)  # the server must see that it is gone, or it answers 500
            return
        await _send(send, answer)

    async def _answered(self, request: Request) -> tuple[Answer | None, str, bool]:
        """The answer (None: cut the connection), the template of its route, and whether a fault gave it."""
        provider = self._provider
        fault = provider.faults.take_general(request.method, request.target)
        kind = fault.kind if fault else ""
        if fault and kind == "slow":
            await asyncio.sleep(fault.seconds)
        while fault and kind == "hold" and any(f.kind == "hold" for f in provider.faults.waiting):
            await asyncio.sleep(HOLD_LOOK_S)
        if provider.delay_s:
            await asyncio.sleep(provider.delay_s)
        if kind == "cut":
            return None, "", True
        if kind == "garble":
            return GARBLED, "", True
        if fault and kind == "answer" and not fault.after:
            return Answer(fault.status, fault.body, dict(fault.headers)), "", True
        answer, template = provider.answer(request)
        if kind == "lose":
            return None, template, True
        if fault and kind == "answer":
            return Answer(fault.status, fault.body, dict(fault.headers)), template, True
        return answer, template, False

    def _tell(self, request: Request, template: str, answer: Answer | None, forced: bool) -> None:
        if not self._taps:
            return
        body, headers = answer.encoded() if answer else (b"", {})
        status = answer.status if answer else None
        exchange = Exchange(
            provider=self._provider.name,
            request=request,
            template=template,
            status=status,
            headers=headers,
            body=body,
            forced=forced,
        )
        for tap in self._taps:
            tap(exchange)


async def _read(scope: Any, receive: Any) -> Request:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),
        query_string=scope["query_string"].decode("ascii"),
        headers=headers,
        body=body,
        url=f"{scope['scheme']}://{headers.get('host', '')}",
    )


async def _send(send: Any, answer: Answer) -> None:
    body, headers = answer.encoded()
    told = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
    told.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def control(provider: Provider, request: Request) -> Answer:
    """The control endpoint of a provider.

    GET    /_sandbox              its switches, the faults that wait, calls counted, requests in flight at most
    POST   /_sandbox/faults       set a fault: {"kind": ..., ...}; DELETE forgets all
    POST   /_sandbox/delay        {"seconds": 0.05}: how late every answer is
    POST   /_sandbox/quota        {"calls": 200, "seconds": 1, "burst": 50, "retry_after": 1}; DELETE lifts it
    DELETE /_sandbox/calls        count from zero
    GET    /_sandbox/state        what the provider holds
    POST   /_sandbox/do/ACTION    what a person does there: {"argument": ...}
    """
    what = (request.method, request.path.removeprefix(CONTROL).strip("/"))
    try:
        given = request.json if request.body else {}
        return _controlled(provider, what, given)
    except (ValueError, TypeError, KeyError) as error:
        return Answer(400, {"error": f"{type(error).__name__}: {error}"})


def _controlled(provider: Provider, what: tuple[str, str], given: Any) -> Answer:
    match what:
        case ("GET", ""):
            return Answer(body=_told(provider))
        case ("GET", "state"):
            with provider.lock:
                return Answer(body=provider.state())
        case ("POST", "faults"):
            return Answer(201, asdict(provider.faults.add(**given)))
        case ("DELETE", "faults"):
            provider.faults.clear()
        case ("POST", "delay"):
            provider.delay_s = float(given["seconds"])
        case ("POST", "quota"):
            provider.quota = Quota(**given)
        case ("DELETE", "quota"):
            provider.quota = None
        case ("DELETE", "calls"):
            provider.calls.clear()
            provider.peak.clear()
            provider.refused = 0
        case ("POST", action) if action.startswith("do/") and action[3:] in provider.actions:
            with provider.lock:
                return Answer(body={"result": provider.actions[action[3:]](**given)})
        case _:
            return Answer(404, {"error": "no such control", "actions": sorted(provider.actions)})
    return Answer(204)


def _told(provider: Provider) -> dict[str, Any]:
    return {
        "provider": provider.name,
        "faults": provider.faults.known,
        "waiting": [asdict(f) for f in provider.faults.waiting],
        "actions": sorted(provider.actions),
        "calls": dict(provider.calls),
        "refused": provider.refused,
        "peak": dict(provider.peak),
    }
