"""Exactly the refused fields are dropped, and a sync error opens and closes by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.rules.crm.mapping import Moment
from syncd.rules.crm.repair import (
    MOST_ROUNDS,
    Dropped,
    Next,
    Refusal,
    SyncError,
    SyncOutcome,
    follow,
    follow_all,
    outcome_of,
    repair,
)

FIELDS = {"Subject": "Talk", "A__c": 1, "B__c": 2, "C__c": 3}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def refusal(*fields: str, code: str = "INVALID_FIELD") -> Refusal:
    return Refusal(code=code, message="No such column.", fields=fields)


REPAIRS: list[tuple[list[Refusal], int, Next, set[str]]] = [
    ([refusal("A__c")], 1, Next.RESEND, {"A__c"}),
    ([refusal("A__c", "B__c")], 1, Next.RESEND, {"A__c", "B__c"}),
    ([refusal("A__c"), refusal("B__c", code="STRING_TOO_LONG")], 1, Next.RESEND, {"A__c", "B__c"}),
    ([refusal("a__C")], 1, Next.RESEND, {"A__c"}),
    ([refusal("A__c", "Unheard__c")], 1, Next.RESEND, {"A__c"}),
    ([refusal("A__c")], MOST_ROUNDS - 1, Next.RESEND, {"A__c"}),
    ([refusal("A__c")], MOST_ROUNDS, Next.GIVE_UP, set()),
    ([refusal("Unheard__c")], 1, Next.GIVE_UP, set()),
    ([refusal()], 1, Next.GIVE_UP, set()),
    ([], 1, Next.GIVE_UP, set()),
    ([refusal("Subject")], 1, Next.GIVE_UP, set()),
    ([refusal("subject", "A__c")], 1, Next.GIVE_UP, set()),
]


@pytest.mark.parametrize(("refused", "round", "next", "dropped"), REPAIRS)
def test_what_is_sent_after_a_refusal(refused: list[Refusal], round: int, next: Next, dropped: set[str]) -> None:
    found = repair(FIELDS, refused, round, essential=frozenset({"Subject"}))
    assert (found.next, {each.field for each in found.dropped}) == (next, dropped)
    assert found.fields == {name: value for name, value in FIELDS.items() if name not in dropped}
    assert bool(found.why) is (next is Next.GIVE_UP)


def test_nothing_is_sent_when_no_field_is_left() -> None:
    assert repair({"A__c": 1}, [refusal("A__c")], 1).next is Next.NOTHING


def test_each_dropped_field_has_its_own_complaint() -> None:
    refused = [refusal("A__c"), refusal("B__c", "A__c", code="STRING_TOO_LONG")]
    dropped = repair(FIELDS, refused, 1).dropped
    assert [(each.field, each.code) for each in dropped] == [("A__c", "INVALID_FIELD"), ("B__c", "STRING_TOO_LONG")]


NAMES = st.sampled_from(["A__c", "B__c", "C__c", "D__c", "E__c", "F__c", "a__C"])


@given(st.dictionaries(NAMES, st.integers()), st.lists(st.frozensets(NAMES), max_size=12))
def test_repairs_end_and_drop_nothing_that_was_not_named(fields: dict[str, int], answers: list[frozenset[str]]) -> None:
    sent, named, rounds = dict(fields), set(), 0
    for answer in answers:
        rounds += 1
        named |= {name.casefold() for name in answer}
        found = repair(sent, [refusal(*answer)], rounds)
        sent = found.fields
        if found.next is not Next.RESEND:
            break
    assert rounds <= MOST_ROUNDS
    assert all(name in sent or name.casefold() in named for name in fields)
    assert all(sent[name] == fields[name] for name in sent)


def outcome(minutes: int = 0, code: str = "", *dropped: str, moment: Moment = Moment.BOOKING) -> SyncOutcome:
    return SyncOutcome(
        moment=moment, at=NOON + timedelta(minutes=minutes), code=code, message="Refused.", dropped=dropped
    )


def after(*outcomes: SyncOutcome) -> SyncError | None:
    error = None
    for each in outcomes:
        error = follow(error, each)
    return error


BAD, DROP, FINE = outcome(1, "LOCKED"), outcome(1, "INVALID_FIELD", "A__c"), outcome(2)
LIVES: dict[str, tuple[list[SyncOutcome], tuple[Any, ...] | None]] = {
    "nothing wrong": ([FINE], None),
    "an error": ([BAD], ("LOCKED", (), True, 1)),
    "a field dropped": ([DROP], ("INVALID_FIELD", ("A__c",), True, 1)),
    "a field dropped without a code": ([outcome(1, "", "A__c")], ("", ("A__c",), True, 1)),
    "closed by a later sync": ([DROP, FINE], ("INVALID_FIELD", ("A__c",), False, 1)),
    "the same again": ([DROP, outcome(3, "INVALID_FIELD", "A__c")], ("INVALID_FIELD", ("A__c",), True, 2)),
    "another field": ([DROP, outcome(3, "INVALID_FIELD", "B__c")], ("INVALID_FIELD", ("B__c",), True, 1)),
    "another error": ([DROP, outcome(3, "LOCKED")], ("LOCKED", (), True, 1)),
    "opened again": ([DROP, FINE, outcome(3, "INVALID_FIELD", "A__c")], ("INVALID_FIELD", ("A__c",), True, 1)),
    "a late success": ([outcome(5, "LOCKED"), outcome(4)], ("LOCKED", (), True, 1)),
    "a late error": ([DROP, outcome(9), outcome(8, "LOCKED")], ("INVALID_FIELD", ("A__c",), False, 1)),
    "closed stays closed": ([DROP, FINE, outcome(7)], ("INVALID_FIELD", ("A__c",), False, 1)),
}


@pytest.mark.parametrize(("outcomes", "told"), LIVES.values(), ids=LIVES)
def test_the_life_of_a_sync_error(outcomes: list[SyncOutcome], told: tuple[Any, ...] | None) -> None:
    error = after(*outcomes)
    assert (error and (error.code, error.dropped, error.open, error.seen)) == told


def test_a_sync_error_keeps_its_times() -> None:
    error = after(DROP, outcome(3, "INVALID_FIELD", "A__c"), outcome(6))
    assert error is not None
    minutes = [int((at - NOON).total_seconds() // 60) for at in (error.opened_at, error.at, error.closed_at or NOON)]
    assert minutes == [1, 3, 6]


def test_a_good_cancellation_does_not_close_what_failed_on_booking() -> None:
    errors = follow_all({}, DROP)
    errors = follow_all(errors, outcome(2, moment=Moment.CANCELLATION))
    assert [error.open for error in errors.values()] == [True]
    errors = follow_all(errors, outcome(3, "LOCKED", moment=Moment.CANCELLATION))
    errors = follow_all(errors, outcome(4))
    assert {moment: error.open for moment, error in errors.items()} == {
        Moment.BOOKING: False,
        Moment.CANCELLATION: True,
    }


def test_dropped_fields_make_an_outcome() -> None:
    dropped = [Dropped(field="A__c", code="INVALID_FIELD", message="No such column.")]
    found = outcome_of(Moment.BOOKING, NOON, dropped)
    assert (found.code, found.message, found.dropped) == ("INVALID_FIELD", "No such column.", ("A__c",))
    assert not found.clean
    assert outcome_of(Moment.BOOKING, NOON, dropped, "LOCKED", "Busy.").code == "LOCKED"
    assert outcome_of(Moment.BOOKING, NOON, []).clean


OUTCOMES = st.builds(
    outcome, st.integers(0, 9), st.sampled_from(["", "LOCKED"]), st.sampled_from(["A__c", "B__c"])
) | st.builds(outcome, st.integers(0, 9), st.sampled_from(["", "LOCKED"]))


@given(st.lists(OUTCOMES, max_size=6), OUTCOMES)
def test_the_newest_sync_decides_whether_an_error_is_open(outcomes: list[SyncOutcome], last: SyncOutcome) -> None:
    error = after(*outcomes, replace(last, at=NOON + timedelta(minutes=10)))
    assert bool(error and error.open) is not last.clean
