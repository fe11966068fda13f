"""A provider in trouble delays nobody else: it is down, slow or talks nonsense for as long as the daemon runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.testing.dav import DavStub, Request, Response

from .daemon import configuration, running, until
from .office import Desk, reference_states

SLOW_S = 30.0
BEFORE_A_SLOW_ANSWER_S = 25.0
EACH = 40
"""Bookings of each person: more than there are threads for provider calls."""

GARBAGE = "\x00<<<?xml 'not" * 50


class TroubledStub(DavStub):
    """Works, until all its answers become nonsense."""

    garbage = False
    ended = False

    def __enter__(self) -> TroubledStub:
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.ended:
            super().__exit__()
        self.ended = True

    def answer(self, request: Request) -> Response:
        answered = super().answer(request)
        return Response(200, GARBAGE) if self.garbage else answered


def bring_down(stub: TroubledStub) -> None:
    stub.__exit__()


def slow_down(stub: TroubledStub) -> None:
    stub.delay_s = SLOW_S


def confuse(stub: TroubledStub) -> None:
    stub.garbage = True


TROUBLES = [bring_down, slow_down, confuse]


@pytest.fixture
def troubled() -> Iterator[TroubledStub]:
    with TroubledStub() as stub:
        yield stub


@pytest.fixture
def healthy() -> Iterator[DavStub]:
    with DavStub() as stub:
        yield stub


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_provider_in_trouble_delays_no_other_connection(
    tmp_path: Path, troubled: TroubledStub, healthy: DavStub, trouble: Callable[[TroubledStub], None]
) -> None:
    config = configuration(tmp_path, http="stop_seconds = 0.5")
    troubled_desk, healthy_desk = Desk(config, troubled, 1), Desk(config, healthy, 2)
    trouble(troubled)
    with running(config) as daemon:
        for n in range(EACH):
            assert daemon.deliver(troubled_desk.booking(f"t{n}")) == 200
            assert daemon.deliver(healthy_desk.booking(f"h{n}")) == 200
        until(lambda: len(healthy_desk.written()) == EACH, "the other connection's are written", BEFORE_A_SLOW_ANSWER_S)
        read = healthy.counts["REPORT"]
        assert daemon.deliver(healthy_desk.booking("later")) == 200
        until(lambda: healthy.counts["REPORT"] > read, "its calendar is read anew", BEFORE_A_SLOW_ANSWER_S)
        assert daemon.ask("/readyz").status == 200
        assert daemon.stop() == 0
    states = reference_states(config)
    assert states["synced"] == EACH + 1
    assert sum(states.values()) == 2 * EACH + 1
