"""What a set of deliveries makes, as the engine applies the rules: waiting ones again, successors paired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from syncd.model.booking import Booking, BookingChange
from syncd.rules.intake import merge, replaces

ROUNDS = 20
"""More than any chain here needs to settle."""


def told(deliveries: Iterable[BookingChange]) -> dict[str, Booking]:
    """The bookings known after `deliveries`, taken in one by one in this order."""
    known: dict[str, Booking] = {}
    waiting: list[BookingChange] = []
    for delivery in deliveries:
        for change in (delivery, *waiting):
            merged = merge(known.get(change.uid), change)
            if merged.booking is not None:
                known[change.uid] = merged.booking
            elif merged.waits and change is delivery:
                waiting.append(change)
        _settle(known)
    return known


def _settle(known: dict[str, Booking]) -> None:
    for _ in range(ROUNDS):
        before = dict(known)
        for uid, booking in before.items():
            if booking.previous_uid in known:
                known[uid], known[booking.previous_uid] = replaces(known[uid], known[booking.previous_uid])
        if known == before:
            return
    raise AssertionError("the bookings never settle")


def any_order(deliveries: Sequence[BookingChange]) -> st.SearchStrategy[list[BookingChange]]:
    """Each delivery at least once, some twice, in any order."""
    repeats = st.lists(st.sampled_from(deliveries), max_size=4)
    return repeats.flatmap(lambda again: st.permutations([*deliveries, *again]))
