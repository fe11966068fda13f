"""Which contact or lead an attendee is.

Each attendee is matched by itself, by e-mail trimmed and casefolded. A converted lead stands for its contact. Among
duplicates the choice is always the same: one with an account, then the most recent activity, then the oldest, then the
smallest id. A missing activity is older than any, a missing creation date younger than any.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from syncd.model.crm import Owner, Person, PersonKind, Question

from .candidates import (
    Case,
    owned_by_hosts,
    passing_field_rules,
    unanswered,
    unique,
    unique_people,
    without_excluded_types,
)
from .domains import normalized_email
from .tiebreak import instant
from .trace import Step, TraceStep

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

STEP_OF = {PersonKind.CONTACT: Step.CONTACT, PersonKind.LEAD: Step.LEAD}
QUESTION_OF = {PersonKind.CONTACT: Question.CONTACTS, PersonKind.LEAD: Question.LEADS}


def matching_people(case: Case, kind: PersonKind) -> tuple[Person, ...]:
    """The booker's contacts or leads, by id, without excluded record types.

    Contacts include those that converted leads became. Leads are the open ones; where there is none, such contacts.
    """
    if kind not in case.people:
        case.people[kind] = _found(case, kind)
    return case.people[kind]


def choose_person(people: tuple[Person, ...], case: Case) -> Person | None:
    """The one of `people` that duplicates are decided for; None of none."""
    if not people:
        return None
    chosen = min(people, key=_preference)
    if len(people) > 1:
        step = TraceStep(
            step=Step.CHOICE,
            outcome="decided",
            reason="has an account, then most recent activity, then oldest, then smallest id",
            before=tuple(person.id for person in people),
            after=(chosen.id,),
            values={person.id: _shown(person) for person in people},
        )
        case.log.add(step)
    return chosen


def eligible_people(case: Case, kind: PersonKind) -> tuple[tuple[Person, ...], bool]:
    """The booker's people whose owner can take the meeting, and whether there were any before that filter."""
    allowed = passing_field_rules(matching_people(case, kind), case)
    return owned_by_hosts(allowed, _owner, case), bool(allowed)


def _found(case: Case, kind: PersonKind) -> tuple[Person, ...]:
    if skipped := unanswered(case, QUESTION_OF[kind]):
        case.log.add(TraceStep(step=STEP_OF[kind], outcome="skipped", reason=skipped))
        return ()
    people = unique_people(case.evidence.people)
    same = tuple(person for person in people if case.email and normalized_email(person.email) == case.email)
    found = tuple(person for person in same if person.kind is kind and not person.converted)
    if kind is PersonKind.CONTACT or not found:
        found = unique((*found, *_converted(same, people, case)))
    step = TraceStep(
        step=STEP_OF[kind],
        outcome="matched" if found else "none",
        compared_with=case.email,
        after=tuple(person.id for person in found),
        values={person.id: person.email for person in found},
    )
    case.log.add(step)
    return without_excluded_types(found, case)


def _owner(person: Person) -> Owner | None:
    return person.owner


def _converted(same: tuple[Person, ...], people: tuple[Person, ...], case: Case) -> tuple[Person, ...]:
    """The contacts that converted leads became. A contact not read has the lead's owner and converted ids."""
    leads = tuple(p for p in same if p.kind is PersonKind.LEAD and p.converted)
    if not leads:
        return ()
    contacts = {person.id: person for person in people if person.kind is PersonKind.CONTACT}
    became = {lead.id: lead.converted_contact_id for lead in leads}
    dropped = {id_: "converted, but its contact is not known" for id_, contact in became.items() if not contact}
    step = TraceStep(
        step=Step.LEAD,
        outcome="converted",
        reason="a converted lead stands for its contact",
        before=tuple(became),
        after=tuple(sorted({contact for contact in became.values() if contact})),
        values=dict(became),
        dropped=dropped,
    )
    case.log.add(step)
    return tuple(contacts.get(became[lead.id]) or _as_contact(lead) for lead in leads if became[lead.id])


def _as_contact(lead: Person) -> Person:
    return replace(
        lead,
        id=lead.converted_contact_id,
        kind=PersonKind.CONTACT,
        account_id=lead.converted_account_id,
        record_type="",
        converted=False,
        fields={},
    )


def _preference(person: Person) -> tuple[bool, float, float, str]:
    return (
        not person.account_id,
        -_seconds(person.last_activity, float("-inf")),
        _seconds(person.created, float("inf")),
        person.id,
    )


def _seconds(time: datetime | None, missing: float) -> float:
    known = instant(time)
    return missing if known is None else (known - _EPOCH) / _SECOND


def _shown(person: Person) -> str:
    activity, created = (t.isoformat() if t else "never" for t in (person.last_activity, person.created))
    return f"account {person.account_id or 'none'}, last activity {activity}, created {created}"
