"""Connecting by consent from the command line: a page in the browser that comes back here, or a code typed elsewhere.

Neither needs a running daemon nor a public address. What the person is told goes to standard output, or with `--json`
to standard error.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from syncd.errors import ConfigError, ReconnectError, RetryError, SyncdError, WaitUntilError

from .credentials import How, Store
from .loopback import LoopbackCallback
from .output import console, errors, shown

if TYPE_CHECKING:
    from syncd.connector.consent import ConsentFlow, DeviceCode
    from syncd.engine.accounts import Connected

SLOWER_S = 5.0
"""How much longer to wait between polls once the provider asks for it (RFC 8628, section 3.5)."""

SHORTEST_POLL_S = 1.0

ANEW = "Begin connecting anew, and allow everything that is asked for."


def connect_by_consent(flow: ConsentFlow, store: Store, how: How, *, device: bool = False) -> Connected:
    """Get a person's consent, and what `store` makes of the credential.

    Raises:
        ReconnectError: they said no, allowed too little, or did nothing in time.
        SyncdError: what `store` raised; or as the flow.
    """
    try:
        return store(_by_device(flow, how)) if device else _by_browser(flow, store, how)
    except ReconnectError as error:
        error.remedy = error.remedy.replace(ReconnectError.remedy, ANEW)
        raise


def _by_browser(flow: ConsentFlow, store: Store, how: How) -> Connected:
    state = secrets.token_urlsafe(32)
    with LoopbackCallback(state, port=how.port, name=flow.loopback) as callback:
        page = flow.begin(callback.address, state)
        _invite(page.url, callback, how)
        answer = callback.wait(how.timeout_s)
        if answer is None:
            raise ReconnectError(
                f"Nobody came back from the consent page within {how.timeout_s:.0f} s. Nothing was stored.",
                code="consent_timeout",
                remedy="Begin anew. Where the browser cannot reach this machine: ssh -L, or --device.",
            )
        with _outcome_shown(callback):
            connected = store(flow.finish(page.memo, answer))
        account = connected.probe.account or "The account"
        callback.tell("Connected", f"{account} is connected. You can close this page.")
    return connected


def _say(how: How, line: str) -> None:
    """Tell the person."""
    (errors if how.json else console).print(line)


def _invite(url: str, callback: LoopbackCallback, how: How) -> None:
    _say(how, "Open this page and allow all that it asks for:\n")
    _say(how, f"  {shown(url)}\n")
    _say(
        how,
        f"It comes back to {callback.address}, where syncd waits {_span(how.timeout_s)}. For a browser on another"
        f" machine, first there: ssh -L {callback.port}:127.0.0.1:{callback.port} THIS-MACHINE",
    )
    if how.browser and _has_browser():
        webbrowser.open(url)


def _has_browser() -> bool:
    """A graphical one: a browser in this terminal would hide what is said here."""
    if not sys.stderr.isatty():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _outcome_shown(callback: LoopbackCallback) -> Iterator[None]:
    """Show what went wrong to the person before the browser as well."""
    try:
        yield
    except SyncdError as error:
        callback.tell("Not connected", str(error), error.remedy, "Nothing was stored.", status=400)
        raise


def _by_device(flow: ConsentFlow, how: How) -> dict[str, Any]:
    code = flow.begin_device()
    if code is None:
        raise ConfigError("This app has no codes for other devices.", remedy="Connect without --device.")
    _say(how, f"On any device, open {shown(code.url)} and type the code [bold]{shown(code.user_code)}[/]")
    _say(how, f"It is good for {_span(code.expires_in_s)}; syncd waits here.")
    return poll(flow, code, time.sleep)


def poll(
    flow: ConsentFlow,
    code: DeviceCode,
    pause: Callable[[float], object],
    monotonic: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Ask, no oftener than allowed, until the person has typed the code: the credential.

    Raises:
        ReconnectError: they said no; code `device_code_expired`: nobody typed it in time.
    """
    interval, ends = max(code.interval_s, SHORTEST_POLL_S), monotonic() + code.expires_in_s
    while monotonic() + interval < ends:
        pause(interval)
        try:
            credential = flow.poll_device(code.memo)
        except WaitUntilError:
            interval += SLOWER_S
        except RetryError:
            interval *= 2  # RFC 8628, section 3.5: a lost connection
        else:
            if credential is not None:
                return credential
    raise ReconnectError(
        "Nobody typed the code in time. Nothing was stored.", code="device_code_expired", remedy="Begin anew."
    )


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
