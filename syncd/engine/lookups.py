"""Calls that are waited for only so long. One that is not over by then is left behind in its thread.

Nothing can stop a thread that waits for a provider: it ends when the provider's own time limit does. So that a provider
that hangs does not take a thread for every caller, there are only so many; who finds all of them taken is told at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, TypeVar

import structlog

from syncd.errors import ProviderError, RetryError

from .pool import as_provider_error

T = TypeVar("T")


class LateError(RetryError):
    """The call is not over yet; its answer will come to nobody."""

    code = "late"


class CrowdedError(RetryError):
    """As many calls as there may be are not over yet."""

    code = "crowded"


class Lookups:
    """Runs calls, at most `most` at once. Safe for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places = threading.BoundedSemaphore(most)
        self._log = structlog.get_logger("syncd.routing")

    def within(self, seconds: float, call: Callable[[], T]) -> T:
        """What `call` answers within `seconds`.

        Raises:
            LateError: it did not, or there is no time left.
            CrowdedError: it was not begun.
            ProviderError: what `call` raised.
        """
        if seconds <= 0:
            raise LateError("There is no time left.")
        if not self._places.acquire(blocking=False):
            raise CrowdedError(f"{self._most} lookups wait for an answer already.")
        answer: Future[T] = Future()
        # a daemon thread: the end of a command or of the daemon does not wait for it
        threading.Thread(target=self._run, args=(answer, call), name="syncd-lookup", daemon=True).start()
        try:
            return answer.result(timeout=seconds)
        except TimeoutError:
            if answer.cancel():
                raise LateError("The answer did not come in time.") from None
            return answer.result()  # it came in this very moment

    def _run(self, answer: Future[T], call: Callable[[], T]) -> None:
        began = time.monotonic()
        error: ProviderError | None = None
        told: Any = None
        try:
            told = call()
        except Exception as raised:
            error = as_provider_error(raised)
        finally:
            self._places.release()
        try:
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(told)
        except InvalidStateError:
            seconds = round(time.monotonic() - began, 3)
            self._log.info("a call ended after its time", seconds=seconds, error=error.code if error else "")
