"""Which record an attendee is written to, and which one is created: one table, first matching row wins.

A condition not named in a row does not matter to it. `account` is asked for only where the answer depends on it, so a
known contact costs no account resolution. Nothing is written on incomplete knowledge: where a lookup that might have
found a better record was denied or not made, the answer is FAIL. "Skip contact creation" is of contact mode only, as
the page says. An existing contact is never moved from one account to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.model.crm import CountRequest, Counts, Evidence, Person, PersonKind, Question, RecordKind
from syncd.model.schema import RecordType

from .candidates import Case, concluded, unanswered
from .domains import no_match_reason
from .people import STEP_OF, choose_person, matching_people
from .ruleset import AttendeeRecord, RecordCreation, Rules
from .trace import Decision, Outcome, RecordAction, Request, Step, TraceStep
from .waterfall import FoundAccount, NoAccount, resolve_account


@dataclass(frozen=True, slots=True)
class Row:
    """In `mode`, under `when` (fact or setting: its value), do `action` for the `reason`, with the person of `use`."""

    mode: AttendeeRecord
    when: dict[str, bool]
    action: RecordAction
    reason: str
    use: PersonKind | None = None


_CONTACT, _LEAD, _UNDER = AttendeeRecord.CONTACT, AttendeeRecord.LEAD, AttendeeRecord.CONTACT_UNDER_ACCOUNT
_USE, _SKIP, _LINK = RecordAction.USE, RecordAction.SKIP, RecordAction.LINK_CONTACT
_NEW_CONTACT, _NEW_LEAD = RecordAction.CREATE_CONTACT, RecordAction.CREATE_LEAD
_A_CONTACT, _A_LEAD = PersonKind.CONTACT, PersonKind.LEAD

TABLE: tuple[Row, ...] = (
    Row(_CONTACT, {"contact": True}, _USE, "the contact exists", _A_CONTACT),
    Row(_CONTACT, {"skip_creation": True}, _SKIP, "no contact, and creating contacts is off"),
    Row(
        _CONTACT,
        {"create_contact_under_account": True, "account": True},
        _NEW_CONTACT,
        "no contact: a new one under the account",
    ),
    Row(_CONTACT, {}, _NEW_CONTACT, "no contact: a new one"),
    Row(_LEAD, {"check_contact": True, "contact": True}, _USE, "a contact comes before a lead", _A_CONTACT),
    Row(_LEAD, {"lead": True}, _USE, "the lead exists", _A_LEAD),
    Row(
        _LEAD,
        {"create_contact_under_account": True, "contact": True, "account": True},
        _USE,
        "no lead, but an account whose new contact exists already",
        _A_CONTACT,
    ),
    Row(
        _LEAD,
        {"create_contact_under_account": True, "account": True},
        _NEW_CONTACT,
        "no lead, but an account: a new contact under it",
    ),
    Row(_LEAD, {}, _NEW_LEAD, "no lead: a new one"),
    Row(_UNDER, {"contact_with_account": True}, _USE, "the contact exists under its account", _A_CONTACT),
    Row(
        _UNDER,
        {"contact": True, "create_contact_under_account": True, "account": True},
        _LINK,
        "the contact has no account: it gets the one resolved",
        _A_CONTACT,
    ),
    Row(_UNDER, {"contact": True}, _USE, "the contact exists, without an account", _A_CONTACT),
    Row(
        _UNDER,
        {"account": True, "create_contact_under_account": True},
        _NEW_CONTACT,
        "no contact: a new one under the account",
    ),
    Row(_UNDER, {"account": True}, _SKIP, "an account, but creating contacts under it is off"),
    Row(
        _UNDER, {"create_lead_if_no_account": True, "lead": True}, _USE, "no contact and no account: the lead", _A_LEAD
    ),
    Row(_UNDER, {"create_lead_if_no_account": True}, _NEW_LEAD, "no contact and no account: a new lead"),
    Row(_UNDER, {}, _SKIP, "no contact and no account, and creating a lead is off"),
)


def record_for(
    request: Request, rules: Rules, evidence: Evidence, counts: Counts | None = None
) -> Decision | CountRequest:
    """The record of the attendee `request.email`, or the counts a tie needs. Never raises for any evidence."""
    case = Case.of(request, rules, evidence, counts)
    people = {kind: choose_person(matching_people(case, kind), case) for kind in PersonKind}
    row, other = (_first_row(rules.creation, people, account) for account in (False, True))
    if row is other:
        return _decided(case, row, people, None)
    found = resolve_account(case)
    if isinstance(found, CountRequest):
        return found
    chosen = other if isinstance(found, FoundAccount) else row
    return _decided(case, chosen, people, found)


def may_need_account(settings: RecordCreation) -> bool:
    """Whether any row for these settings looks at the account."""
    return any(
        "account" in row.when and _settings_hold(row, settings) for row in TABLE if row.mode is settings.attendee_record
    )


def creatable_record_type(offered: Iterable[RecordType], excluded: Iterable[str]) -> RecordType | None:
    """The record type for a new record: the org's default if allowed, else the first by name; None if none is allowed.

    None with nothing offered means the object has no record types, so the caller names none.
    """
    names = {name.strip().casefold() for name in excluded}
    allowed = [t for t in offered if t.available and t.name.strip().casefold() not in names]
    return min(allowed, key=lambda t: (not t.default, t.name.casefold(), t.id), default=None)


def _first_row(settings: RecordCreation, people: dict[PersonKind, Person | None], account: bool) -> Row:
    contact = people[PersonKind.CONTACT]
    facts = {
        "account": account,
        "contact": contact is not None,
        "contact_with_account": contact is not None and bool(contact.account_id),
        "lead": people[PersonKind.LEAD] is not None,
    }
    return next(
        row
        for row in TABLE
        if row.mode is settings.attendee_record
        and _settings_hold(row, settings)
        and all(facts[name] is value for name, value in row.when.items() if name in facts)
    )


def _settings_hold(row: Row, settings: RecordCreation) -> bool:
    return all(getattr(settings, name) is value for name, value in row.when.items() if hasattr(settings, name))


def _decided(
    case: Case, row: Row, people: dict[PersonKind, Person | None], found: FoundAccount | NoAccount | None
) -> Decision:
    action, reason = row.action, row.reason
    unknown = _unknown(case, row, found)
    if unknown:
        action, reason = RecordAction.FAIL, f"{reason}; but nothing is written while {unknown}"
    person = people[row.use] if row.use and not unknown else None
    case.log.add(TraceStep(step=Step.RECORD, outcome=action, reason=reason, rule=case.rules.creation.attendee_record))
    account = found.account if isinstance(found, FoundAccount) and (person is None or not person.account_id) else None
    decision = Decision(
        outcome=Outcome.MATCHED if person or account else Outcome.NO_MATCH,
        reason=reason,
        rules_version=case.rules.version,
        owner=person.owner if person else account.owner if account else None,
        record_kind=RecordKind(person.kind) if person else RecordKind.ACCOUNT if account else None,
        record_id=person.id if person else account.id if account else "",
        account_id=account.id if account else person.account_id if person else "",
        method=STEP_OF[person.kind] if person else found.method if isinstance(found, FoundAccount) else None,
        decisive_rule=found.rule if isinstance(found, FoundAccount) else "",
        action=action,
        person=person,
    )
    return concluded(case, decision)


def _unknown(case: Case, row: Row, found: FoundAccount | NoAccount | None) -> str:
    """What must be known before `row` may be followed, and is not; "" if all is known."""
    if row.action is RecordAction.USE and row.use is PersonKind.CONTACT:
        return ""
    needed = [Question.CONTACTS] if row.action is RecordAction.CREATE_CONTACT or _contact_first(case) else []
    needed += [Question.LEADS] if row.action is RecordAction.CREATE_LEAD else []
    needed += [Question.WEBSITES] if isinstance(found, NoAccount) and not no_match_reason(case.domain) else []
    reasons = (unanswered(case, question) for question in needed)
    return "; ".join(reason for reason in reasons if reason)


def _contact_first(case: Case) -> bool:
    """Whether a contact would have come before what the row says."""
    settings = case.rules.creation
    return settings.check_contact if settings.attendee_record is _LEAD else True
