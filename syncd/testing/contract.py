"""The contract every calendar connector keeps, as a suite its author runs.

    class TestMyCalendar(CalendarContract):
        @pytest.fixture
        def connector(self): ...          # opened, with a Guard
        @pytest.fixture
        def abilities(self): ...          # what its ConnectorSpec declares
        @pytest.fixture
        def calendar(self): ...           # the id of an empty calendar, writable unless the connector only reads
        @pytest.fixture
        def hooks(self): ...              # Hooks(...): what the suite cannot do through the interface

A connector without `Ability.WRITE` takes `ReadContract`. A test that needs an ability that is not declared is
skipped. A hook that is missing fails the test; an oddity of the provider is declared on the class, with its reason:

    exempt = {"test_a_dead_cursor_asks_for_a_new_start": "a feed has no cursor that could die"}
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from syncd.connector import Ability, CalendarRead, EventConnector
from syncd.errors import ConflictError, NotFoundError, UnclearError
from syncd.model.busy import BusyTime
from syncd.model.calendar import Occurrence, Participant

from .cases import KEY, WINDOW, Hooks, ics, meeting, utc
from .mirror import Mirror
from .read_contract import ReadContract, given, needs

__all__ = ["CalendarContract", "Hooks", "Mirror", "ReadContract", "ics", "meeting", "utc"]


class CalendarContract(ReadContract):
    """Writing too."""

    def test_a_created_event_reads_back_as_it_was_wanted(self, connector: EventConnector, calendar: str) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        assert receipt.id
        assert connector.find_event(calendar, meeting().uid, receipt) == meeting()

    def test_an_event_is_found_without_a_receipt(self, connector: EventConnector, calendar: str) -> None:
        assert connector.find_event(calendar, meeting().uid, None) is None
        connector.put_event(calendar, meeting(), KEY, None)
        assert connector.find_event(calendar, meeting().uid, None) == meeting()

    def test_a_created_event_is_busy(self, connector: EventConnector, calendar: str, read: CalendarRead) -> None:
        connector.put_event(calendar, meeting(), KEY, None)
        answer = connector.busy_times([read], WINDOW)[calendar]
        assert answer == [BusyTime(meeting().start, meeting().end, uid=meeting().uid)]

    def test_an_update_replaces_our_fields(self, connector: EventConnector, calendar: str) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        later = meeting(
            title="Moved",
            start=utc(2027, 3, 11, 9),
            end=utc(2027, 3, 11, 9, 30),
            description="",
            attendees=(Participant(email="other@example.net"),),
            sequence=1,
        )
        updated = connector.put_event(calendar, later, KEY, receipt)
        assert connector.find_event(calendar, later.uid, updated) == later

    def test_putting_what_is_there_writes_nothing(self, connector: EventConnector, calendar: str) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        assert connector.put_event(calendar, meeting(), KEY, receipt).version == receipt.version

    def test_a_repeated_create_makes_one_event(self, connector: EventConnector, calendar: str, mirror: Mirror) -> None:
        first = connector.put_event(calendar, meeting(), KEY, None)
        second = connector.put_event(calendar, meeting(title="Again"), KEY, None, unclear=True)
        assert second.id == first.id
        assert len(mirror.sync().versions) == 1
        found = connector.find_event(calendar, meeting().uid, second)
        assert found is not None
        assert found.title == "Again"

    def test_a_create_whose_answer_was_lost_makes_one_event(
        self, connector: EventConnector, calendar: str, mirror: Mirror, hooks: Hooks
    ) -> None:
        given(hooks.lose_answer, "lose_answer")()
        with pytest.raises(UnclearError):
            connector.put_event(calendar, meeting(), KEY, None)
        receipt = connector.put_event(calendar, meeting(), KEY, None, unclear=True)
        assert connector.find_event(calendar, meeting().uid, receipt) == meeting()
        assert len(mirror.sync().versions) == 1

    def test_an_outdated_receipt_writes_the_wanted_event_or_says_conflict(
        self, connector: EventConnector, calendar: str
    ) -> None:
        outdated = connector.put_event(calendar, meeting(), KEY, None)
        connector.put_event(calendar, meeting(title="Second", sequence=1), KEY, outdated)
        third = meeting(title="Third", sequence=2)
        try:
            receipt = connector.put_event(calendar, third, KEY, outdated)
        except ConflictError:
            return
        assert connector.find_event(calendar, third.uid, receipt) == third

    def test_what_a_person_added_survives_an_update(
        self, connector: EventConnector, calendar: str, hooks: Hooks
    ) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        still_there = given(hooks.annotate, "annotate")(receipt)
        later = meeting(title="Moved", start=utc(2027, 3, 11, 9), end=utc(2027, 3, 11, 10), sequence=1)
        updated = connector.put_event(calendar, later, KEY, receipt)
        assert connector.find_event(calendar, later.uid, updated) == later
        assert still_there()

    def test_an_event_a_person_deleted_is_not_written_again_unasked(
        self, connector: EventConnector, calendar: str, hooks: Hooks
    ) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        given(hooks.discard, "discard")(receipt.id)
        with pytest.raises(NotFoundError):
            connector.put_event(calendar, meeting(title="Moved"), KEY, receipt)
        assert connector.find_event(calendar, meeting().uid, receipt) is None
        again = connector.put_event(calendar, meeting(), KEY, None)
        assert connector.find_event(calendar, meeting().uid, again) == meeting()

    def test_a_removed_event_is_gone_and_removing_it_again_succeeds(
        self, connector: EventConnector, calendar: str, mirror: Mirror
    ) -> None:
        receipt = connector.put_event(calendar, meeting(), KEY, None)
        for _ in range(2):
            connector.remove_event(calendar, KEY, meeting().uid, receipt)
            assert connector.find_event(calendar, meeting().uid, receipt) is None
        assert mirror.sync().versions == {}

    def test_an_event_that_changed_meanwhile_is_removed(
        self, connector: EventConnector, calendar: str, mirror: Mirror
    ) -> None:
        outdated = connector.put_event(calendar, meeting(), KEY, None)
        connector.put_event(calendar, meeting(title="Second", sequence=1), KEY, outdated)
        connector.remove_event(calendar, KEY, meeting().uid, outdated)
        assert mirror.sync().versions == {}

    def test_removing_without_a_receipt_finds_the_event(
        self, connector: EventConnector, calendar: str, mirror: Mirror
    ) -> None:
        connector.remove_event(calendar, KEY, meeting().uid, None)
        connector.put_event(calendar, meeting(), KEY, None)
        connector.remove_event(calendar, KEY, meeting().uid, None)
        assert mirror.sync().versions == {}

    def test_only_the_named_event_is_removed(self, connector: EventConnector, calendar: str) -> None:
        kept = connector.put_event(calendar, meeting("keep@syncd"), "keep", None)
        gone = connector.put_event(calendar, meeting(), KEY, None)
        connector.remove_event(calendar, KEY, meeting().uid, gone)
        assert connector.find_event(calendar, "keep@syncd", kept) == meeting("keep@syncd")

    def test_writing_into_a_missing_calendar_says_so(self, connector: EventConnector, hooks: Hooks) -> None:
        with pytest.raises(NotFoundError):
            connector.put_event(given(hooks.missing, "missing"), meeting(), KEY, None)

    def test_text_beyond_ascii_and_of_any_punctuation_survives(self, connector: EventConnector, calendar: str) -> None:
        strange = meeting(
            title='Ärger, "Größe"; 会議 \U0001f4c5 \\n',
            description="a,b;c\\d:e\n\n  indented " + "long " * 40,
            attendees=(Participant(email="jürgen@example.net", name='Jürgen "J"; Öz, Dr.'),),
        )
        receipt = connector.put_event(calendar, strange, KEY, None)
        assert connector.find_event(calendar, strange.uid, receipt) == strange

    @needs(Ability.ALL_DAY)
    def test_an_all_day_event_keeps_its_dates(self, connector: EventConnector, calendar: str) -> None:
        days = meeting(start=utc(2027, 3, 27, 23), end=utc(2027, 3, 29, 22), start_date=date(2027, 3, 28))
        days = replace(days, end_date=date(2027, 3, 30))
        receipt = connector.put_event(calendar, days, KEY, None)
        found = connector.find_event(calendar, days.uid, receipt)
        assert found is not None
        assert (found.start_date, found.end_date) == (days.start_date, days.end_date)

    @needs(Ability.RECURRENCE)
    def test_a_series_keeps_its_moved_and_cancelled_occurrences(
        self, connector: EventConnector, calendar: str, read: CalendarRead
    ) -> None:
        moved = Occurrence(original=utc(2027, 4, 7, 8), start=utc(2027, 4, 8, 12), end=utc(2027, 4, 8, 13))
        series = meeting(
            start=utc(2027, 3, 24, 9),
            end=utc(2027, 3, 24, 10),
            rrule="FREQ=WEEKLY;COUNT=4",
            occurrences=(Occurrence(original=utc(2027, 3, 31, 8)), moved),
        )
        receipt = connector.put_event(calendar, series, KEY, None)
        assert connector.find_event(calendar, series.uid, receipt) == series
        assert self._busy(connector, read) == [
            (utc(2027, 3, 24, 9), utc(2027, 3, 24, 10)),
            (utc(2027, 4, 8, 12), utc(2027, 4, 8, 13)),
            (utc(2027, 4, 14, 8), utc(2027, 4, 14, 9)),
        ]
        whole = replace(series, occurrences=(), sequence=1)
        receipt = connector.put_event(calendar, whole, KEY, receipt)
        assert connector.find_event(calendar, series.uid, receipt) == whole

    @needs(Ability.PRIVATE)
    def test_a_private_event_is_private(self, connector: EventConnector, calendar: str) -> None:
        receipt = connector.put_event(calendar, meeting(private=True), KEY, None)
        assert connector.find_event(calendar, meeting().uid, receipt) == meeting(private=True)

    @needs(Ability.REMINDERS)
    def test_reminders_are_kept(self, connector: EventConnector, calendar: str) -> None:
        receipt = connector.put_event(calendar, meeting(reminders=(10, 60)), KEY, None)
        assert connector.find_event(calendar, meeting().uid, receipt) == meeting(reminders=(10, 60))
