"""Claims and leases: each reference is in one hand at a time, and in none for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from syncd.model.connection import ConnectionState
from syncd.model.reference import ReferenceState
from syncd.store import directory, references
from syncd.store.database import Database
from syncd.store.owner import is_gone, this_owner
from syncd.store.references import Finished

from .rows import EVENT, LATER, NOW, RECEIPT, claim, connected, make_references, reference

PAST_LEASE = LATER + timedelta(seconds=1)


def finish(database: Database, owner: str = "me", **changed: Any) -> int:
    values = {
        "id": 1,
        "lease_until": LATER,
        "version": 1,
        "state": ReferenceState.SYNCED,
        "receipt": RECEIPT,
        "applied": True,
        "due_at": NOW,
        **changed,
    }
    with database.write() as session:
        return references.finish(session, [Finished(**values)], owner, NOW)


@pytest.fixture
def one(database: Database) -> Database:
    """One reference, due now."""
    make_references(database, connected(database), 1)
    return database


def test_a_reference_is_claimed_once(one: Database) -> None:
    (first,) = claim(one, "me")
    assert not first.attempted  # as it was before: nothing can be there yet
    assert claim(one, "you") == []
    row = reference(one)
    assert (row.lease_owner, row.lease_until, row.attempted) == ("me", LATER, True)


def test_two_claimers_never_get_the_same_reference(database: Database) -> None:
    make_references(database, connected(database), 200)
    barrier = threading.Barrier(4)

    def work(owner: str) -> list[int]:
        barrier.wait(30)
        got: list[int] = []
        while len(found := claim(database, owner, limit=7)):
            got += [r.id for r in found]
        return got

    with ThreadPoolExecutor(4) as threads:
        taken = [n for got in threads.map(work, ["a", "b", "c", "d"]) for n in got]
    taken += [r.id for r in claim(database, "last", limit=1000)]
    assert sorted(taken) == list(range(1, 201))


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_claim_under_way_hides_its_references_from_another(database: Database) -> None:
    """Both transactions are open at once; neither waits."""
    from .rows import due

    make_references(database, connected(database), 6)
    with database.write() as mine, database.write() as yours:
        first = references.claim(mine, due(limit=3), "mine", LATER)
        second = references.claim(yours, due(limit=6), "yours", LATER)
    assert len(first) == 3
    assert not {r.id for r in first} & {r.id for r in second}


def test_an_expired_lease_is_taken_over(one: Database) -> None:
    claim(one, "me")
    (again,) = claim(one, "you", now=PAST_LEASE, until=PAST_LEASE + timedelta(minutes=5))
    assert again.attempted  # the first holder may have written
    assert reference(one).lease_owner == "you"


def test_a_finisher_whose_lease_was_taken_over_changes_nothing(one: Database) -> None:
    claim(one, "me")
    claim(one, "you", now=PAST_LEASE, until=PAST_LEASE + timedelta(minutes=5))
    assert finish(one, "me") == 0
    row = reference(one)
    assert (row.state, row.receipt, row.lease_owner) == ("pending", None, "you")
    assert finish(one, "you", lease_until=PAST_LEASE + timedelta(minutes=5)) == 1
    assert reference(one).state == "synced"


def test_a_finished_reference_is_free_and_equal(one: Database) -> None:
    claim(one)
    finish(one)
    row = reference(one)
    assert (row.state, row.applied_version, row.lease_owner, row.lease_until) == ("synced", 1, None, None)
    assert claim(one) == []


def test_something_newer_wanted_meanwhile_stays_pending(one: Database) -> None:
    (claimed,) = claim(one)
    with one.write() as session:
        references.want(session, claimed, None, claimed.key, NOW)
    finish(one)
    row = reference(one)
    assert (row.state, row.applied_version, row.desired_version) == ("pending", 1, 2)
    assert row.due_at == NOW
    (next_,) = claim(one)
    assert (next_.desired, next_.receipt) == (None, RECEIPT)


def test_what_is_wanted_again_after_a_removal_gets_the_next_key(one: Database) -> None:
    (claimed,) = claim(one)
    finish(one, state=ReferenceState.REMOVED, receipt=None, next_key="next")
    assert reference(one).key == claimed.key
    with one.write() as session:
        references.want(session, claimed, None, claimed.key, NOW)
    (removing,) = claim(one)
    with one.write() as session:
        references.want(session, removing, EVENT, removing.key, NOW)
    finish(one, version=2, state=ReferenceState.REMOVED, receipt=None, next_key="next")
    assert reference(one).key == "next"


def test_a_failure_does_not_touch_what_was_applied(one: Database) -> None:
    claim(one)
    finish(one)
    with one.write() as session:
        (known,) = references.of_subjects(session, ["s0"])
        references.want(session, known, EVENT, known.key, NOW)
    claim(one)
    finish(one, version=2, state=ReferenceState.PARKED, applied=False, error_code="refused", error="No.")
    row = reference(one)
    assert (row.state, row.applied_version, row.desired_version, row.error) == ("parked", 1, 2, "No.")


def test_leases_of_a_dead_process_are_freed_and_of_a_living_one_are_not(database: Database) -> None:
    make_references(database, connected(database), 2)
    dead = _dead_owner()
    assert [r.id for r in claim(database, dead, limit=1)] == [1]
    assert [r.id for r in claim(database, this_owner(), limit=1)] == [2]
    with database.write() as session:
        assert references.release_dead(session, NOW) == 1
    assert [r.id for r in claim(database, "next")] == [1]


def _dead_owner() -> str:
    """The owner of a process that was killed."""
    program = "from syncd.store.owner import this_owner; print(this_owner(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        assert not is_gone(owner)
        child.kill()
        child.wait(30)
    assert is_gone(owner)
    return owner


@pytest.mark.parametrize(
    "owner",
    [
        "elsewhere:pid:[1]|1|1.00",
        "",
        "nonsense",
    ],
)
def test_only_a_process_here_is_known_to_be_dead(owner: str) -> None:
    assert not is_gone(owner)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    here, pid, started = this_owner().split("|")
    assert not is_gone(this_owner())
    assert is_gone(f"{here}|{pid}|{float(started) - 100:.2f}")


@pytest.fixture
def two(database: Database) -> Database:
    """Ten references of connection 1 at app `memory`, then ten of connection 2 at `other`."""
    make_references(database, connected(database, user_id=1), 10, "m")
    make_references(database, connected(database, user_id=2, app="other"), 10, "o", NOW + timedelta(seconds=1))
    return database


Count = Callable[..., list[int]]


@pytest.fixture
def counted(two: Database) -> Count:
    """Claims, and counts what it got by connection."""

    def count(**arguments: Any) -> list[int]:
        found = [r.place.connection_id for r in claim(two, now=NOW + timedelta(minutes=1), **arguments)]
        return [found.count(1), found.count(2)]

    return count


def test_a_connection_gets_no_more_than_it_may_have(counted: Count) -> None:
    assert counted(per_connection=4) == [4, 4]


def test_an_app_has_its_own_limit(counted: Count) -> None:
    assert counted(per_connection=4, per_app={"other": 2}) == [4, 2]


def test_what_is_in_hand_counts(counted: Count) -> None:
    assert counted(per_connection=4, in_hand={1: 3, 2: 9}) == [1, 0]


def test_a_full_connection_does_not_use_up_the_limit_of_a_claim(counted: Count) -> None:
    assert counted(limit=8, per_connection=4) == [4, 4]
    assert counted(limit=6, per_connection=2, in_hand={1: 2}) == [0, 2]


def test_the_oldest_come_first(counted: Count) -> None:
    assert counted(limit=5) == [5, 0]


def test_a_claim_can_be_narrowed(counted: Count) -> None:
    assert counted(connection_id=2) == [0, 10]
    assert counted(subjects=["m3", "m4", "o1"]) == [2, 0]


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.INVALID])
def test_a_stopped_connection_is_passed_over(two: Database, counted: Count, state: ConnectionState) -> None:
    with two.write() as session:
        row = directory.get_connection(session, 1)
        row.state = state
        session.add(row)
    assert counted() == [0, 10]


def test_nothing_is_claimed_before_its_time(one: Database) -> None:
    assert claim(one, now=NOW - timedelta(seconds=1)) == []


def test_what_was_never_tried_can_be_discarded_and_what_was_cannot(database: Database) -> None:
    make_references(database, connected(database), 2)
    claim(database, limit=1)
    with database.write() as session:
        references.discard(session, 1)
        references.discard(session, 2)
    with database.read() as session:
        assert [r.id for r in references.rows(session)] == [1]


def test_a_place_has_one_reference_of_a_subject(one: Database) -> None:
    from sqlalchemy.exc import IntegrityError

    with one.read() as session:
        (known,) = references.of_subjects(session, ["s0"])
    with pytest.raises(IntegrityError), one.write() as session:
        references.make(session, [references.New("s0", known.place, "key", EVENT)], NOW)


def test_released_references_are_free(database: Database) -> None:
    make_references(database, connected(database), 3)
    claim(database, "me", limit=2)
    with database.write() as session:
        assert references.release(session, "me") == 2
    assert len(claim(database, "you")) == 3
