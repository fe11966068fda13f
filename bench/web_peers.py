"""What the booking webhook is measured beside, and the webhook itself, each on the same server.

echo      a bare Starlette route that answers with the body
fastapi   the usual route: parsed into a model, verified, and stored by a session and a commit of its own
syncd     ours, as `syncd run` serves it, without the jobs that would follow
"""

import asyncio
import hashlib
import hmac
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated, Any

import uvicorn
import uvloop
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncd.api.app import create_app
from syncd.api.daemon import SWITCH_EVERY_S
from syncd.api.webhooks import BookingWebhook, signatures
from syncd.engine.arrivals import Arrivals
from syncd.model.clock import utc_now
from syncd.settings import Http
from syncd.store.database import Database
from syncd.store.inbox import digest
from syncd.store.schema import upgrade
from syncd.store.tables import Delivery

SECRET = "bench-secret"
PATH = "/api/webhook/bookings"
UNLIMITED = 1_000_000


def echo(_database: Database) -> ASGIApp:
    """Bare Starlette."""

    async def answer(request: Request) -> Response:
        return Response(await request.body(), 200, {"content-type": "application/json"})

    return Starlette(routes=[Route(PATH, answer, methods=["POST"])])


def fastapi(database: Database) -> ASGIApp:
    """A route as the FastAPI tutorial has it, with a session for each request."""
    app, engine = FastAPI(), database.engine

    def opened() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    async def signed(request: Request, x_cal_signature_256: Annotated[str, Header()] = "") -> bytes:
        body = await request.body()
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, x_cal_signature_256):
            raise HTTPException(401)
        return body

    @app.post(PATH)
    def take(
        told: dict[str, Any], body: Annotated[bytes, Depends(signed)], session: Annotated[Session, Depends(opened)]
    ) -> dict[str, str]:
        text, trigger = body.decode(), str(told["triggerEvent"])
        row = Delivery(source="bench", digest=digest(text), body=text, received_at=utc_now(), trigger=trigger)
        session.add(row)
        session.commit()
        return {"status": "success"}

    return app


def syncd(database: Database) -> ASGIApp:
    """Ours."""
    http = Http(requests_per_minute=UNLIMITED)
    webhook = BookingWebhook(signatures(SECRET, allow_unsigned=False), Arrivals(database, utc_now), http, utc_now)
    return create_app(webhook, [], lambda: Starlette())


APPLICATIONS: dict[str, Callable[[Database], ASGIApp]] = {"echo": echo, "fastapi": fastapi, "syncd": syncd}


def main(name: str, database_url: str) -> None:
    """Serve until standard input ends; prints the port."""
    sys.setswitchinterval(SWITCH_EVERY_S)
    with closing(Database(database_url)) as database:
        upgrade(database)
        application = APPLICATIONS[name](database)
        config = uvicorn.Config(
            application, log_config=None, access_log=False, lifespan="off", server_header=False, proxy_headers=False
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the daemon has it
            runner.run(_serve(uvicorn.Server(config)))


async def _serve(server: uvicorn.Server) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(listening.getsockname()[1], flush=True)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    main(*sys.argv[1:])
