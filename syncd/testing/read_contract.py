"""The part of the contract that reads: calendars, busy times, changes. See `contract` for how to use it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

import pytest

from syncd.connector import Ability, CalendarConnector, CalendarRead
from syncd.errors import NotFoundError, ProviderError, ReconnectError, ResyncError
from syncd.model.time import Window

from .cases import BERLIN, OWNER, WINDOW, Hooks, ics, utc
from .mirror import Mirror

T = TypeVar("T")


def needs(ability: Ability) -> pytest.MarkDecorator:
    """Mark a test that only a connector with that ability can pass."""
    return pytest.mark.usefixtures(f"_needs_{ability.name.lower()}")


class _Suite:
    """What both contracts share: exemptions, hooks, the read."""

    exempt: ClassVar[Mapping[str, str]] = {}
    many: ClassVar[int] = 7

    @pytest.fixture(autouse=True)
    def _exempted(self, request: pytest.FixtureRequest) -> None:
        name = request.node.originalname or request.node.name
        unknown = [exempted for exempted in self.exempt if not hasattr(self, exempted)]
        assert not unknown, f"exempt names no test of the contract: {unknown}"
        if name in self.exempt:
            pytest.skip(self.exempt[name])

    @pytest.fixture
    def abilities(self) -> frozenset[Ability]:
        """What the connector declares."""
        raise NotImplementedError("give the fixture `abilities`")

    @pytest.fixture
    def hooks(self) -> Hooks:
        """What the suite cannot do through the interface."""
        return Hooks()

    @pytest.fixture
    def read(self, calendar: str) -> CalendarRead:
        """How the calendar is read: by its owner, in Berlin."""
        return CalendarRead(id=calendar, zone=BERLIN, owner_emails=frozenset({OWNER}))

    @pytest.fixture
    def mirror(self, connector: CalendarConnector, read: CalendarRead) -> Mirror:
        """A store's view of the calendar."""
        return Mirror(connector, read)

    @pytest.fixture
    def _needs_changes(self, abilities: frozenset[Ability]) -> None:
        _require(Ability.CHANGES, abilities)

    @pytest.fixture
    def _needs_recurrence(self, abilities: frozenset[Ability]) -> None:
        _require(Ability.RECURRENCE, abilities)

    @pytest.fixture
    def _needs_private(self, abilities: frozenset[Ability]) -> None:
        _require(Ability.PRIVATE, abilities)

    @pytest.fixture
    def _needs_reminders(self, abilities: frozenset[Ability]) -> None:
        _require(Ability.REMINDERS, abilities)

    @pytest.fixture
    def _needs_all_day(self, abilities: frozenset[Ability]) -> None:
        _require(Ability.ALL_DAY, abilities)


def _require(ability: Ability, declared: frozenset[Ability]) -> None:
    if ability not in declared:
        pytest.skip(f"the connector does not declare {ability.value}")


def given(hook: T | None, name: str) -> T:
    """The hook, or a failed test that names what is missing."""
    if hook is None:
        pytest.fail(f"give the hook `{name}`, or exempt this test with the reason")
    return hook


class ReadContract(_Suite):
    """Listing calendars, busy times and changes."""

    def _busy(self, connector: CalendarConnector, read: CalendarRead) -> list[tuple[datetime, datetime]]:
        """Busy times, the same by both ways of asking."""
        answer = connector.busy_times([read], WINDOW)[read.id]
        assert isinstance(answer, list), answer
        live = sorted((t.start, t.end) for t in answer)
        assert Mirror(connector, read).sync().busy == live
        return live

    def test_the_probe_names_the_account(self, connector: CalendarConnector) -> None:
        assert connector.probe().account

    def test_the_calendar_is_listed_once_with_a_name(self, connector: CalendarConnector, calendar: str) -> None:
        (found,) = [c for c in connector.calendars() if c.id == calendar]
        assert found.name

    def test_an_empty_calendar_has_no_busy_times(self, connector: CalendarConnector, read: CalendarRead) -> None:
        assert self._busy(connector, read) == []

    def test_a_zoned_event_is_busy_at_its_own_offset_on_both_sides_of_summer_time(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks
    ) -> None:
        store = given(hooks.store, "store")
        for uid, day in (("before@x", "20270326"), ("after@x", "20270330")):
            zoned = f";TZID={BERLIN}:{day}"
            store(uid, ics(uid, f"DTSTART{zoned}T090000", f"DTEND{zoned}T100000", "SUMMARY:x"))
        assert self._busy(connector, read) == [
            (utc(2027, 3, 26, 8), utc(2027, 3, 26, 9)),
            (utc(2027, 3, 30, 7), utc(2027, 3, 30, 8)),
        ]

    def test_an_all_day_event_is_busy_from_midnight_in_the_calendars_zone(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks
    ) -> None:
        lines = ("DTSTART;VALUE=DATE:20270328", "DTEND;VALUE=DATE:20270329", "SUMMARY:the day with 23 hours")
        given(hooks.store, "store")("day@x", ics("day@x", *lines))
        assert self._busy(connector, read) == [(utc(2027, 3, 27, 23), utc(2027, 3, 28, 22))]

    def test_a_series_is_busy_where_it_was_moved_to_and_not_where_it_was_cancelled(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks
    ) -> None:
        zone = f";TZID={BERLIN}:"
        series = (
            f"DTSTART{zone}20270322T090000",
            f"DTEND{zone}20270322T100000",
            "RRULE:FREQ=WEEKLY;COUNT=4",
            f"EXDATE{zone}20270329T090000",
        )
        moved = (
            f"RECURRENCE-ID{zone}20270405T090000",
            f"DTSTART{zone}20270406T150000",
            f"DTEND{zone}20270406T153000",
        )
        given(hooks.store, "store")("series@x", ics("series@x", *series, more=[moved]))
        assert self._busy(connector, read) == [
            (utc(2027, 3, 22, 8), utc(2027, 3, 22, 9)),
            (utc(2027, 4, 6, 13), utc(2027, 4, 6, 13, 30)),
            (utc(2027, 4, 12, 7), utc(2027, 4, 12, 8)),
        ]

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(("TRANSP:TRANSPARENT",), id="transparent"),
            pytest.param(("STATUS:CANCELLED",), id="cancelled"),
            pytest.param(
                (f"ATTENDEE;PARTSTAT=DECLINED:mailto:{OWNER}", "ORGANIZER:mailto:boss@example.org"), id="declined"
            ),
        ],
    )
    def test_what_does_not_block_its_owner_is_not_busy(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks, lines: tuple[str, ...]
    ) -> None:
        text = ics("free@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x", *lines)
        given(hooks.store, "store")("free@x", text)
        assert self._busy(connector, read) == []

    def test_a_meeting_someone_else_declined_is_busy(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks
    ) -> None:
        declined = "ATTENDEE;PARTSTAT=DECLINED:mailto:other@example.org"
        text = ics("busy@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x", declined)
        given(hooks.store, "store")("busy@x", text)
        assert self._busy(connector, read) == [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]

    def test_a_calendar_that_cannot_be_read_is_an_error_beside_the_ones_that_can(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks
    ) -> None:
        missing = given(hooks.missing, "missing")
        answers = connector.busy_times([read, CalendarRead(id=missing)], WINDOW)
        assert answers[read.id] == []
        assert isinstance(answers[missing], NotFoundError)

    def test_asking_for_busy_times_and_calendars_changes_nothing(
        self, connector: CalendarConnector, read: CalendarRead, hooks: Hooks, mirror: Mirror
    ) -> None:
        text = ics("still@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x")
        given(hooks.store, "store")("still@x", text)
        before = dict(mirror.sync().versions)
        connector.calendars()
        connector.probe()
        connector.busy_times([read], WINDOW)
        assert Mirror(connector, read).sync().versions == before

    @needs(Ability.CHANGES)
    def test_the_first_read_covers_the_window(self, connector: CalendarConnector, read: CalendarRead) -> None:
        pages = list(connector.changes(read, WINDOW, None, dict))
        assert all(page.full for page in pages)
        coverage = pages[-1].coverage
        assert coverage is not None
        assert coverage.covers(WINDOW)

    @needs(Ability.CHANGES)
    def test_a_read_after_nothing_happened_brings_nothing_but_a_cursor(self, mirror: Mirror, hooks: Hooks) -> None:
        text = ics("quiet@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x")
        given(hooks.store, "store")("quiet@x", text)
        mirror.sync()
        assert mirror.sync().touched == set()

    @needs(Ability.CHANGES)
    def test_many_events_all_arrive(self, mirror: Mirror, hooks: Hooks) -> None:
        store = given(hooks.store, "store")
        starts = [utc(2027, 3, 2) + timedelta(hours=n) for n in range(self.many)]
        for n, start in enumerate(starts):
            text = ics(f"m{n}@x", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{start:%Y%m%dT%H3000Z}", "SUMMARY:x")
            store(f"m{n}@x", text)
        assert [start for start, _ in mirror.sync().busy] == starts

    @needs(Ability.CHANGES)
    def test_a_new_a_changed_and_a_deleted_event_are_seen(self, mirror: Mirror, hooks: Hooks) -> None:
        store, discard = given(hooks.store, "store"), given(hooks.discard, "discard")
        first = store("a@x", ics("a@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x"))
        second = store("b@x", ics("b@x", "DTSTART:20270311T090000Z", "DTEND:20270311T100000Z", "SUMMARY:x"))
        mirror.sync()
        discard(first)
        store("b@x", ics("b@x", "DTSTART:20270312T090000Z", "DTEND:20270312T100000Z", "SUMMARY:x"))
        third = store("c@x", ics("c@x", "DTSTART:20270313T090000Z", "DTEND:20270313T100000Z", "SUMMARY:x"))
        mirror.sync()
        assert mirror.versions.keys() == {second, third}
        assert [start for start, _ in mirror.busy] == [utc(2027, 3, 12, 9), utc(2027, 3, 13, 9)]

    @needs(Ability.CHANGES)
    def test_an_audit_finds_what_was_lost_and_counts_it(self, mirror: Mirror, hooks: Hooks) -> None:
        text = ics("lost@x", "DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x")
        item = given(hooks.store, "store")("lost@x", text)
        mirror.sync()
        del mirror.versions[item], mirror.times[item]
        mirror.versions["/no/such/item"] = "1"
        mirror.sync(audit=True)
        assert mirror.versions.keys() == {item}
        assert mirror.busy == [(utc(2027, 3, 10, 9), utc(2027, 3, 10, 10))]
        assert mirror.repaired == 2

    @needs(Ability.CHANGES)
    def test_a_window_that_moved_on_is_covered(self, mirror: Mirror, hooks: Hooks) -> None:
        given(hooks.store, "store")("far@x", ics("far@x", "DTSTART:20270610T090000Z", "DTEND:20270610T100000Z"))
        assert mirror.sync().busy == []
        mirror.window = Window(WINDOW.start + timedelta(days=45), WINDOW.end + timedelta(days=45))
        assert mirror.sync().busy == [(utc(2027, 6, 10, 9), utc(2027, 6, 10, 10))]

    @needs(Ability.CHANGES)
    def test_a_dead_cursor_asks_for_a_new_start(self, mirror: Mirror, hooks: Hooks) -> None:
        mirror.sync()
        given(hooks.expire_cursors, "expire_cursors")()
        with pytest.raises(ResyncError):
            mirror.sync()

    @needs(Ability.CHANGES)
    def test_reading_a_missing_calendar_says_so(self, connector: CalendarConnector, hooks: Hooks) -> None:
        missing = CalendarRead(id=given(hooks.missing, "missing"))
        with pytest.raises(NotFoundError):
            list(connector.changes(missing, WINDOW, None, dict))

    def test_a_refused_credential_asks_a_person(self, hooks: Hooks) -> None:
        rejected = given(hooks.rejected, "rejected")
        with pytest.raises(ReconnectError) as refused:
            rejected.probe()
        assert refused.value.remedy

    def test_a_refused_credential_is_no_empty_busy_answer(self, hooks: Hooks, read: CalendarRead) -> None:
        rejected = given(hooks.rejected, "rejected")
        try:
            answer = rejected.busy_times([read], WINDOW)[read.id]
        except ReconnectError:
            return
        assert isinstance(answer, ReconnectError)

    def test_an_answer_out_of_order_is_an_error_of_the_provider(self, mirror: Mirror, hooks: Hooks) -> None:
        given(hooks.garble, "garble")()
        with pytest.raises(ProviderError):
            mirror.sync()

    def test_no_secret_is_in_errors_or_logs(
        self, hooks: Hooks, connector: CalendarConnector, read: CalendarRead, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert hooks.secrets, "give the hook `secrets`"
        caplog.set_level(logging.DEBUG)
        connector.busy_times([read], WINDOW)
        said = [caplog.text]
        for act in _failures(connector, hooks):
            with pytest.raises(ProviderError) as failure:
                act()
            said.append(_everything_about(failure.value))
        for secret in hooks.secrets:
            assert not [text for text in [*said, caplog.text] if secret in text]


def _failures(connector: CalendarConnector, hooks: Hooks) -> Iterator[Callable[[], object]]:
    rejected = hooks.rejected
    if rejected is not None:
        yield rejected.probe
    if hooks.missing is not None:
        missing = CalendarRead(id=hooks.missing)
        yield lambda: list(connector.changes(missing, WINDOW, None, dict))


def _everything_about(error: BaseException | None) -> str:
    """An error and all it drags along."""
    if error is None:
        return ""
    own = f"{error!s} {error!r} {vars(error)!r}"
    return f"{own}\n{_everything_about(error.__cause__)}\n{_everything_about(error.__context__)}"
