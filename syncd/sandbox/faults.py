"""Faults on demand.

Six kinds work for every provider, on whichever request they match first:

    answer   give `status`, `body` and `headers` instead of the provider's answer; with `after`, once it is carried out
    lose     carry it out, then cut the connection
    cut      cut the connection, nothing happens
    slow     wait `seconds` first
    garble   answer 200 with a page of HTML, as a captive portal does
    hold     wait until the fault is cleared

The others are a provider's own switches (`Provider.switches`), which its code looks for where the trap lies.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GENERAL: Mapping[str, str] = {
    "answer": "give status, body and headers instead of the provider's answer; with `after`, once it is carried out",
    "lose": "carry it out, then cut the connection",
    "cut": "cut the connection; nothing happens",
    "slow": "wait `seconds` first",
    "garble": "answer 200 with a page of HTML, as a captive portal does",
    "hold": "wait until the fault is cleared",
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that waits for requests of `method` ("" for any) whose path and query match the pattern `path`.

    It strikes `times` times (0: always), after it has let `skip` of them pass. `value` is for a provider's own switch.
    """

    kind: str
    method: str = ""
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    after: bool = False
    value: Any = None

    def fits(self, method: str, target: str) -> bool:
        """Whether it is meant for this request."""
        return self.method in ("", method) and re.search(self.path, target) is not None


class Faults:
    """The faults of one provider. Safe for several threads."""

    def __init__(self, switches: Mapping[str, str]) -> None:
        self.known = {**GENERAL, **switches}
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: str, **fields: Any) -> Fault:
        """Set a fault.

        Raises:
            ValueError: no such kind or field.
        """
        if kind not in self.known:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(self.known)}")
        unknown = fields.keys() - Fault.__dataclass_fields__.keys()
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        fault = Fault(kind=kind, **fields)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self, kind: str = "") -> None:
        """Forget the faults (of one kind)."""
        with self._lock:
            self._waiting = [f for f in self._waiting if kind and f.kind != kind]

    @property
    def waiting(self) -> list[Fault]:
        """Those that have not struck as often as they shall."""
        with self._lock:
            return list(self._waiting)

    def take(self, kind: str, method: str = "", target: str = "") -> Fault | None:
        """The fault of that kind that strikes now, counted as having struck."""
        return self._take({kind}, method, target)

    def take_general(self, method: str, target: str) -> Fault | None:
        """The first fault of a general kind that strikes this request."""
        return self._take(GENERAL.keys(), method, target)

    def _take(self, kinds: Any, method: str, target: str) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if fault.kind not in kinds or not fault.fits(method, target):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times == 1:
                    self._waiting.remove(fault)
                elif fault.times:
                    fault.times -= 1
                return fault
        return None
