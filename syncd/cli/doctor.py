"""`syncd doctor`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import typer

from .context import Json, context_of
from .output import print_json, print_table


def doctor(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live/--offline", help="Ask the providers and the daemon too.")] = True,
    address: Annotated[
        str,
        typer.Option(
            help="Address that the scheduling product calls; else [http] public_url, or the configured host and port."
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Look for what is wrong and for what soon will be. Exit 1 when something is wrong, for monitoring."""
    from syncd.engine.diagnosis import Finding, Verdict, diagnose, reachable

    own = context_of(context)
    http = own.settings.http
    host = f"[{http.host}]" if ":" in http.host else http.host
    url = address or http.public_url.rstrip("/") or f"http://{host}:{http.port}"
    with own.runtime() as runtime:
        findings = [
            Finding(what="configuration", verdict=Verdict.OK, told="No problems."),
            *diagnose(runtime, live=live),
            *([reachable(lambda: _ask(url), url)] if live else []),
        ]
    if json:
        print_json(findings)
    else:
        print_table(
            ("what", "verdict", "told", "what to do"), [(f.what, f.verdict, f.told, f.remedy) for f in findings], ""
        )
    return 1 if any(f.verdict is Verdict.WRONG for f in findings) else 0


def _ask(url: str) -> None:
    """Ask for /healthz; OSError when it does not answer with 200, ValueError when that is no address."""
    import http.client

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/healthz")
        if connection.getresponse().status != 200:
            raise ConnectionError("not alive")
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from error
    finally:
        connection.close()
