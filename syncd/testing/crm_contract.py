"""The contract every CRM connector keeps, as a suite its author runs.

    class TestMyCrm(CrmContract):
        @pytest.fixture
        def connector(self): ...          # opened, with a Guard, on an empty CRM
        @pytest.fixture
        def rejected(self): ...           # opened with a credential that is not accepted
        @pytest.fixture
        def hooks(self): ...              # CrmHooks(...): what the suite cannot do through the interface

It goes through `CrmWriter`, which is how bookings reach a CRM, and looks at what is there by the hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from syncd.connector.crm import ActivityWrite, CrmConnector, Look, Write
from syncd.engine.crm import CrmWriter
from syncd.errors import NotFoundError, ProviderError, UnclearError
from syncd.model.activity import Activity, ActivityState
from syncd.model.booking import Attendee, Booking, BookingStatus
from syncd.model.calendar import Participant, Receipt
from syncd.model.clock import utc_now
from syncd.model.crm import ObjectKind, Question, Questions
from syncd.rules.activity import activity_for
from syncd.rules.crm.settings import CrmSettings

from .cases import utc

BOOKER, HOST = "ada@booker.example", "host@example.com"
START = utc(2027, 3, 10, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmHooks:
    """What a suite does beside the interface.

    Attributes:
        activities: the titles of the activities there are.
        people: the e-mails of the contacts there are.
        remove: a person deletes the activity with this id.
        lose_answer: the next write is carried out, and its answer is lost.
    """

    activities: Callable[[], list[str]]
    people: Callable[[], list[str]]
    remove: Callable[[str], None]
    lose_answer: Callable[[], None]


def call(start: datetime = START, title: str = "Call") -> Activity:
    """A call of Ada's with the host."""
    booking = Booking(
        uid="b1",
        revision=start,
        status=BookingStatus.ACCEPTED,
        title=title,
        start=start,
        end=start + timedelta(minutes=30),
        organizer=Participant(email=HOST, name="Host"),
        attendees=(Attendee(email=BOOKER, name="Ada Byron"),),
    )
    wanted = activity_for([booking])
    assert wanted is not None
    return wanted


def cancelled() -> Activity:
    """The same, cancelled."""
    return replace(call(), state=ActivityState.CANCELLED)


class CrmContract:
    """Reading and writing."""

    @pytest.fixture
    def writer(self, connector: CrmConnector) -> CrmWriter:
        """By settings that say nothing."""
        return CrmWriter(connector, CrmSettings(), utc_now)

    @pytest.fixture
    def booked(self, writer: CrmWriter) -> Receipt:
        """A booking that is there."""
        receipt = writer.put(call(), None, unclear=False).receipt
        assert receipt is not None
        assert receipt.id
        return receipt

    def test_the_probe_names_the_account(self, connector: CrmConnector) -> None:
        assert connector.probe().account

    def test_who_is_not_there_is_not_found(self, connector: CrmConnector) -> None:
        asked = Questions(asked=(Question.CONTACTS,), email=BOOKER)
        (evidence,) = connector.look(Look(questions=(asked,))).evidence
        assert (evidence.people, evidence.asked) == ((), (Question.CONTACTS,))

    def test_a_booking_makes_its_person_and_its_activity(self, booked: Receipt, hooks: CrmHooks) -> None:
        assert (hooks.people(), hooks.activities()) == ([BOOKER], ["Call"])

    def test_who_is_there_is_found_in_any_case(self, connector: CrmConnector, booked: Receipt) -> None:
        asked = Questions(asked=(Question.CONTACTS,), email=BOOKER)
        (evidence,) = connector.look(Look(questions=(asked,))).evidence
        assert [person.email.casefold() for person in evidence.people] == [BOOKER]

    def test_a_change_makes_nothing_new(self, writer: CrmWriter, booked: Receipt, hooks: CrmHooks) -> None:
        writer.put(call(utc(2027, 3, 11, 9), "Moved"), booked, unclear=False)
        assert (hooks.people(), hooks.activities()) == ([BOOKER], ["Moved"])

    def test_a_lost_answer_makes_nothing_twice(
        self, connector: CrmConnector, writer: CrmWriter, hooks: CrmHooks
    ) -> None:
        connector.schema(list(ObjectKind))
        hooks.lose_answer()
        with pytest.raises(UnclearError):
            writer.put(call(), None, unclear=False)
        writer.put(call(), None, unclear=True)
        assert (hooks.people(), hooks.activities()) == ([BOOKER], ["Call"])

    def test_what_nobody_made_is_not_found(self, connector: CrmConnector) -> None:
        assert connector.look(Look(uids=("nobody",))).activity is None

    def test_a_cancellation_removes_the_activity_and_no_person(
        self, writer: CrmWriter, booked: Receipt, hooks: CrmHooks
    ) -> None:
        assert writer.put(cancelled(), booked, unclear=False).receipt is None
        assert (hooks.people(), hooks.activities()) == ([BOOKER], [])

    def test_what_is_removed_already_is_removed(self, writer: CrmWriter, booked: Receipt, hooks: CrmHooks) -> None:
        hooks.remove(booked.id)
        assert writer.put(cancelled(), booked, unclear=False).receipt is None

    def test_what_a_person_removed_is_not_made_again(self, writer: CrmWriter, booked: Receipt, hooks: CrmHooks) -> None:
        hooks.remove(booked.id)
        with pytest.raises(NotFoundError):
            writer.put(call(title="Moved"), booked, unclear=False)
        assert hooks.activities() == []

    def test_a_field_that_is_none_is_refused_by_name(self, connector: CrmConnector, booked: Receipt) -> None:
        write = ActivityWrite(activity=call(), id=booked.id, fields={"Nope__c": "x"}, mapped_only=True)
        written = connector.write(Write(activity=write))
        assert [refusal.fields for refusal in written.refused] == [("Nope__c",)]

    def test_each_object_has_fields(self, connector: CrmConnector) -> None:
        schemas = connector.schema([ObjectKind.EVENT, ObjectKind.CONTACT])
        assert all(schema.fields for schema in schemas.values())

    def test_a_credential_that_is_not_accepted_is_an_error(self, rejected: CrmConnector) -> None:
        with pytest.raises(ProviderError):
            rejected.probe()
        with pytest.raises(ProviderError):
            CrmWriter(rejected, CrmSettings(), utc_now).put(call(), None, unclear=False)
