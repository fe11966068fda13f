"""The sweep repairs what an event missed; the clean-up forgets what is old."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from syncd.engine.sweep import SweepReport, clean_up, sweep
from syncd.store import references
from syncd.store.owner import this_owner

from .deliveries import created, no_show
from .world import ANNA, WORK, World

DEAD = this_owner().replace("|", "|9", 1)


def swept(world: World) -> SweepReport:
    return sweep(world.runtime.database, world.runtime.intake, world.clock)


def test_deliveries_nobody_announced_are_taken_in(office: World) -> None:
    from syncd.store import inbox
    from syncd.store.inbox import Arrival

    with office.runtime.database.write() as session:
        inbox.put(session, [Arrival(source="test", body=created())], office.clock())
    assert swept(office).taken == 1
    office.work()
    assert len(office.events()) == 1


def test_many_bookings_that_cannot_be_planned_hold_up_no_other(world: World) -> None:
    world.provider.add_calendar(WORK)
    world.person(destination="")
    gone = {"id": 99, "name": "Gone", "email": "gone@example.com", "timeZone": "UTC", "language": {"locale": "en"}}
    world.deliver(*[created(f"b{n:03}", told=n / 100, organizer=gone) for n in range(201)], created("z", told=50))
    world.choose(WORK, user_id=ANNA)
    assert swept(world).planned == 1
    world.work()
    assert [e.uid for e in world.events()] == ["z@Cal.com"]


def test_a_no_show_that_waited_for_its_booking_is_taken_in(office: World) -> None:
    office.tell(no_show(), created())
    assert swept(office).taken == 1
    booking = office.booking()
    assert booking is not None
    assert any(a.absent for a in booking.attendees)


def test_a_no_show_whose_booking_never_comes_keeps_waiting(office: World) -> None:
    office.tell(no_show("nobody"))
    assert swept(office).taken == 0
    assert [d.state for d in office.deliveries()] == ["waiting"]


def test_bookings_without_a_destination_are_planned_once_one_is_chosen(world: World) -> None:
    world.provider.add_calendar(WORK)
    connection = world.person(destination="")
    world.tell(created())
    assert swept(world).planned == 0
    world.choose(WORK, user_id=ANNA, connection_id=connection)
    assert swept(world).planned == 1
    world.work()
    assert len(world.events()) == 1
    assert swept(world).planned == 0


def test_leases_of_a_dead_process_are_freed_at_once_and_others_are_not(office: World) -> None:
    office.deliver(created("a"), created("b", at=1))
    until = office.clock() + timedelta(minutes=5)
    for subject, owner in (("a", DEAD), ("b", this_owner())):
        with office.runtime.database.write() as session:
            row = update(references.references).where(references.references.c.subject == subject)
            session.execute(row.values(lease_owner=owner, lease_until=until, attempted=True))
    assert swept(office).freed == 1
    office.work()
    assert [e.uid for e in office.events()] == ["a@Cal.com"]


def test_what_is_not_as_wanted_is_made_pending_again(office: World) -> None:
    """Whatever left it so: the version applied is not the one wanted."""
    office.tell(created())
    with office.runtime.database.write() as session:
        session.execute(update(references.references).values(applied_version=0))
    assert swept(office).repaired == 1
    office.work()
    row = office.reference()
    assert (row.state, row.applied_version) == ("synced", row.desired_version)


def test_a_sweep_with_nothing_to_repair_changes_nothing(office: World) -> None:
    office.tell(created())
    assert swept(office) == SweepReport(freed=0, repaired=0, taken=0, planned=0)


def test_the_clean_up_forgets_what_is_done_and_gives_up_what_waited_too_long(office: World) -> None:
    office.tell(created(), no_show("nobody"), {})
    office.clock.advance(days=29)
    office.tell(created("late", at=1))
    office.clock.advance(days=2)
    clean_up(office.runtime.database, office.runtime.settings, office.clock)
    assert [d.state for d in office.deliveries()] == ["quarantined", "quarantined", "taken"]
    assert len(office.log(operation="put-event")) == 2
    office.clock.advance(days=60)
    clean_up(office.runtime.database, office.runtime.settings, office.clock)
    assert [r.subject for r in office.log(operation="put-event")] == ["late"]


def test_the_clean_up_keeps_busy_times_ahead(office: World) -> None:
    office.tell(created())
    office.read(everything=True)
    office.clock.advance(days=3)
    clean_up(office.runtime.database, office.runtime.settings, office.clock)
    assert len(office.ask(office.window(day=0)).busy) == 1
