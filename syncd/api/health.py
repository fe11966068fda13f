"""`/healthz`, `/readyz` and `/metrics`.

Alive is answering at all. Ready is having migrated the store, loaded the keys and run a first job; the reasons are
named until then, while the store cannot be read, and while stopping.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.errors import StoreError

TEXT = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}


def health_routes(
    not_ready: Callable[[], list[str]], registry: CollectorRegistry, refresh_gauges: Callable[[], None]
) -> list[Route]:
    """The routes. `not_ready` gives the reasons, none when ready; `refresh_gauges` reads the store for the metrics.

    Both may wait for the store. While it cannot be read the gauges keep their last values.
    """
    store_up = Gauge("syncd_store_up", "Whether the store could be read for these metrics.", registry=registry)

    def refresh() -> None:
        try:
            refresh_gauges()
        except (StoreError, SQLAlchemyError):
            store_up.set(0)
        else:
            store_up.set(1)

    async def healthz(_request: Request) -> Response:
        return _json({"status": "alive"}, 200)

    async def readyz(_request: Request) -> Response:
        reasons = await asyncio.get_running_loop().run_in_executor(None, not_ready)
        return _json({"status": "not ready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)

    async def metrics(_request: Request) -> Response:
        await asyncio.get_running_loop().run_in_executor(None, refresh)
        return Response(generate_latest(registry), 200, TEXT)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _json(value: object, status: int) -> Response:
    return Response(json.dumps(value), status, {"content-type": "application/json"})
