"""What a CRM is asked about an activity, and whose record each attendee is.

an attendee                              is
---------------------------------------  -----------------------------------------------------------------------
whose record the CRM was told of         that record, never another; the first one is whom the CRM itself says
                                         the activity is with, for a lead may have been converted since
who is new                               whom the rules find, or make (`rules.routing.records`)
the first one, when the owner of their   that record, asked about again, for whose it is decides
record may change with the host
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.connector.crm import CrmConnector, Found, Look
from syncd.errors import ForbiddenError
from syncd.model.activity import Activity, ActivityState
from syncd.model.booking import Attendee
from syncd.model.crm import CountRequest, Evidence, FieldValue, Person, PersonKind, Questions
from syncd.rules.crm.mapping import Moment, Target
from syncd.rules.crm.moments import Told, host_of
from syncd.rules.crm.resolve import meant, to_read
from syncd.rules.crm.settings import CrmSettings, OwnerChange
from syncd.rules.routing import (
    Decision,
    Purpose,
    RecordAction,
    Recorded,
    Request,
    Rules,
    decide,
    normalized_email,
    questions,
    record,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An activity to write. `told` None: the CRM has nothing of it; `id` of the activity there, "" for none."""

    activity: Activity
    told: Told | None
    happened: tuple[Moment, ...]
    attendees: tuple[Attendee, ...]
    id: str = ""

    @property
    def moved(self) -> bool:
        """Whether it has another host than the CRM was told."""
        return self.told is not None and self.told.host != host_of(self.activity)

    def known(self, attendee: Attendee) -> tuple[PersonKind, str] | None:
        """The record that the CRM was told is the attendee's."""
        email = normalized_email(attendee.email)
        identity = self.told.people.get(email, "") if self.told else ""
        return (PersonKind(self.told.kinds[email]), identity) if self.told and identity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An attendee, and the record that is theirs; `id` "": it is to be made.

    `current`: its fields as read, None for a new one. `person`: all that was read of it. `link`: it is to belong to
    `account_id`.
    """

    attendee: Attendee
    kind: PersonKind
    id: str = ""
    current: Mapping[str, FieldValue] | None = None
    person: Person | None = None
    account_id: str = ""
    link: bool = False


class Reading:
    """Asks by the settings of an event type."""

    def __init__(self, connector: CrmConnector, settings: CrmSettings, rules: Rules) -> None:
        self._connector = connector
        self._settings = settings
        self._rules = rules

    def attendees(self, activity: Activity) -> tuple[Attendee, ...]:
        """Those whose records are written, each address once."""
        ordered: dict[str, Attendee] = {}
        for attendee in activity.booking.attendees:
            if attendee.email and not attendee.left:
                ordered.setdefault(normalized_email(attendee.email), attendee)
        everybody = tuple(ordered.values())
        return everybody[:1] if self._settings.ignore_guests else everybody

    def found(self, case: Case, *, unclear: bool) -> Found:
        """What the decisions need. Nothing is asked where they need nothing."""
        look = self._look(case, unclear=unclear)
        return self._connector.look(look) if look.asks else Found()

    def current(self, identity: str, happened: Sequence[Moment]) -> Mapping[str, FieldValue]:
        """The fields of a person that mappings write only when empty."""
        fields = self.to_read(Target.PERSON, happened)
        if not fields:
            return {}
        return self._connector.look(Look(people=(identity,), person_fields=fields)).people.get(identity, {})

    def chosen(self, case: Case, found: Found) -> tuple[list[Chosen], list[Recorded]]:
        """Those who have a record or get one, in order; and the decisions about those who were asked about."""
        evidence = iter(found.evidence)
        chosen, decisions = [], []
        for attendee in case.attendees:
            known = case.known(attendee)
            if known is not None:
                told = self._as_told(case, attendee, known, found)
                read = next(evidence).people if self._asked_again(case, attendee) else ()
                chosen.append(replace(told, person=next((p for p in read if p.id == told.id), None)))
                continue
            recorded = self._decided(attendee, next(evidence))
            decisions.append(recorded)
            if recorded.decision.action is not RecordAction.SKIP:
                chosen.append(_as_decided(attendee, recorded.decision))
        return chosen, decisions

    def to_read(self, target: Target, happened: Sequence[Moment]) -> tuple[str, ...]:
        """The fields that mappings write only when empty."""
        names = (name for moment in happened for name in to_read(self._settings.fields, target, moment))
        return tuple(dict.fromkeys(names))

    def writes(self, target: Target, happened: Sequence[Moment]) -> bool:
        """Whether any mapping writes such a record then."""
        return any(any(meant(self._settings.fields, target, moment)) for moment in happened)

    def _look(self, case: Case, *, unclear: bool) -> Look:
        happened, told = case.happened, case.told
        asked = [a for a in case.attendees if case.known(a) is None or self._asked_again(case, a)]
        event_fields = self.to_read(Target.EVENT, happened)
        person_fields, account_fields = (self.to_read(t, happened) for t in (Target.PERSON, Target.ACCOUNT))
        # With whom the activity is must be asked: the CRM may have merged or converted the record we knew.
        who = bool(case.id) and self.writes(Target.PERSON, happened)
        first = next(iter(told.people.values()), "") if told and who else ""
        known = [k[1] for a in case.attendees if (k := case.known(a)) and k[1] != first] if person_fields else []
        return Look(
            questions=tuple(self._questions(attendee, happened) for attendee in asked),
            owners=self._owners(case),
            activity=case.id if event_fields or who else "",
            who=who,
            uids=uids_of(case.activity) if unclear else (),
            activity_fields=event_fields,
            people=tuple(known),
            person_fields=person_fields,
            account=told.account_id if told and account_fields else "",
            account_fields=account_fields,
        )

    def _questions(self, attendee: Attendee, happened: Sequence[Moment]) -> Questions:
        asked = questions(Request(email=attendee.email, purpose=Purpose.RECORD), self._rules)
        return replace(
            asked,
            person_fields=tuple(dict.fromkeys((*asked.person_fields, *self.to_read(Target.PERSON, happened)))),
            account_fields=tuple(dict.fromkeys((*asked.account_fields, *self.to_read(Target.ACCOUNT, happened)))),
        )

    def _owners(self, case: Case) -> tuple[str, ...]:
        """Whom to find: the host of a new activity or a changed host's, and the user whose people's records become."""
        change = self._settings.change_owner
        named = change.user if change.mode is OwnerChange.USER and Moment.BOOKING in case.happened else ""
        if case.activity.state is not ActivityState.SCHEDULED or (
            case.told is not None and not case.moved and not named
        ):
            return ()
        wanted = (host_of(case.activity), named.strip().casefold() if "@" in named else named.strip())
        return tuple(dict.fromkeys(each for each in wanted if each))

    def _asked_again(self, case: Case, attendee: Attendee) -> bool:
        follows = self._settings.change_owner.mode is OwnerChange.ORGANIZER and case.moved
        return follows and attendee is case.attendees[0] and Moment.CANCELLATION not in case.happened

    def _as_told(self, case: Case, attendee: Attendee, known: tuple[PersonKind, str], found: Found) -> Chosen:
        kind, identity = known
        there = found.activity
        account = case.told.account_id if case.told else ""
        first = next(iter(case.told.people.values()), "") if case.told else ""
        if first == identity and there is not None and there.person_kind is not None:
            fields = there.person_fields or {}
            return Chosen(
                attendee=attendee, kind=there.person_kind, id=there.person_id, current=fields, account_id=account
            )
        current = found.people.get(identity, {})
        return Chosen(attendee=attendee, kind=kind, id=identity, current=current, account_id=account)

    def _decided(self, attendee: Attendee, evidence: Evidence) -> Recorded:
        """Whose record an attendee is.

        Raises:
            ForbiddenError: code `lookup_denied`.
        """
        request, counts = Request(email=attendee.email, purpose=Purpose.RECORD), None
        decision: Decision | CountRequest = decide(request, self._rules, evidence)
        if isinstance(decision, CountRequest):
            counts = self._connector.counts(decision)
            decision = decide(request, self._rules, evidence, counts)
            assert isinstance(decision, Decision)
        if decision.action is RecordAction.FAIL:
            raise ForbiddenError(
                f"Nobody can be written: {decision.reason}.",
                code="lookup_denied",
                remedy="Give the connection's user access to contacts, leads and accounts.",
            )
        return record(request, self._rules, evidence, counts, decision)


def uids_of(activity: Activity) -> tuple[str, ...]:
    """What an activity is known by in the CRM: its booking or series, and the booking that this one replaces."""
    booking = activity.booking
    return tuple(dict.fromkeys(uid for uid in (booking.subject, booking.previous_uid) if uid))


def _as_decided(attendee: Attendee, decision: Decision) -> Chosen:
    person = decision.person
    if person is not None:
        return Chosen(
            attendee=attendee,
            kind=person.kind,
            id=person.id,
            current=person.fields,
            person=person,
            account_id=decision.account_id,
            link=decision.action is RecordAction.LINK_CONTACT,
        )
    kind = PersonKind.LEAD if decision.action is RecordAction.CREATE_LEAD else PersonKind.CONTACT
    under = decision.account_id if decision.action is RecordAction.CREATE_CONTACT else ""
    return Chosen(attendee=attendee, kind=kind, account_id=under)
