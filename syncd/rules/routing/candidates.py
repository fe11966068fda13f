"""The filters every candidate passes, the same for people and accounts, for routing and for records.

    filter          drops a record when
    record types    its record type is excluded for its object, compared without case; one without a type is kept
    field rules     one rule says so: IGNORE and the field has the value, MUST_INCLUDE and it has not. Compared as text
                    without case; null is "". A field that was not read lets the record pass, and the trace says so
    hosts           its owner is missing, inactive, a queue, without e-mail, or no host (e-mails trimmed and casefolded)

A filter that drops nothing and had nothing to do leaves no step in the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TypeVar

from syncd.model.crm import Account, Counts, Evidence, FieldValue, Owner, Person, PersonKind, Question

from .domains import email_domain, normalized_email
from .fields import field_text, read_field
from .ruleset import ExcludedRecordTypes, FieldAction, FieldRule, Rules
from .trace import Decision, Purpose, Request, Step, TraceLog, TraceStep

R = TypeVar("R", Person, Account)


@dataclass(frozen=True, slots=True)
class Case:
    """One decision being made: what was asked, by which rules, from what evidence, and what was found out so far.

    Attributes:
        email, domain: the booker's, as they are compared.
        people: the booker's people by kind, once they were looked for.
    """

    request: Request
    rules: Rules
    evidence: Evidence
    counts: Counts | None
    email: str
    domain: str
    log: TraceLog = field(default_factory=TraceLog)
    people: dict[PersonKind, tuple[Person, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request, rules: Rules, evidence: Evidence, counts: Counts | None) -> Case:
        """A decision at its beginning, with the booker's e-mail and its domain as they are compared."""
        email = request.email
        return cls(request, rules, evidence, counts, normalized_email(email), email_domain(email))

    @property
    def routing(self) -> bool:
        """Whether a host is looked for, so that records without a usable owner are of no use."""
        return self.request.purpose is Purpose.ROUTE


def unique(rows: Iterable[R], key: Callable[[R], str] = attrgetter("id")) -> tuple[R, ...]:
    """The rows by ascending key, one for each. Of rows that contradict each other, always the same one."""
    by_key: dict[str, R] = {}
    for row in rows:
        known = by_key.get(key(row))
        by_key[key(row)] = row if known is None or known == row else min(known, row, key=_content)
    return tuple(by_key[name] for name in sorted(by_key))


def unique_people(people: Iterable[Person]) -> tuple[Person, ...]:
    """As `unique`, where a contact and a lead may have one id."""
    return unique(people, key=lambda person: f"{person.kind} {person.id}")


def _content(row: Person | Account) -> tuple[str, str, str]:
    """An order of contradicting rows. A person's address and name come last: they are masked in recorded evidence,
    which has to decide the same.
    """
    if isinstance(row, Person):
        return repr(replace(row, email="", name="")), row.email, row.name
    return repr(row), "", ""


def unanswered(case: Case, question: Question) -> str:
    """Why a question has no answer in the evidence; "" if it has one."""
    if question in case.evidence.denied:
        return f"the CRM denies it: {case.evidence.denied[question]}"
    if question not in case.evidence.asked:
        case.log.lacks(f"answer to {question}")
        return f"{question} was not asked"
    return ""


def concluded(case: Case, decision: Decision) -> Decision:
    """The decision with its trace, closed by its result, and with what the evidence lacked."""
    result = TraceStep(
        step=Step.RESULT,
        outcome=decision.outcome,
        rule=decision.decisive_rule,
        reason=decision.reason,
        after=tuple(id_ for id_ in (decision.record_id or decision.account_id,) if id_),
    )
    return replace(decision, trace=(*case.log.steps, result), missing=tuple(case.log.missing))


def without_excluded_types(rows: tuple[R, ...], case: Case) -> tuple[R, ...]:
    """The rows whose record type is not excluded for their object."""
    dropped = {
        row.id: f"record type {row.record_type!r} is excluded"
        for row in rows
        if row.record_type.strip().casefold() in _excluded(row, case.rules.excluded)
    }
    return _kept(rows, dropped, Step.RECORD_TYPES, case.log, {row.id: row.record_type for row in rows})


def passing_field_rules(rows: tuple[R, ...], case: Case) -> tuple[R, ...]:
    """The rows that every field rule lets pass."""
    left = rows
    for rule in case.rules.owner_booking.field_rules:
        left = _passing(left, rule, case.log)
    return left


def owned_by_hosts(rows: tuple[R, ...], owner_of: Callable[[R], Owner | None], case: Case) -> tuple[R, ...]:
    """The rows whose owner can take the meeting. For records, without hosts given, every row."""
    if not case.routing and case.request.hosts is None:
        return rows
    hosts = None if case.request.hosts is None else {normalized_email(host) for host in case.request.hosts}
    owners = {row.id: owner_of(row) for row in rows}
    dropped = {id_: why for id_, owner in owners.items() if (why := not_a_host(owner, hosts))}
    shown: dict[str, FieldValue] = {id_: owner.email if owner else None for id_, owner in owners.items()}
    return _kept(rows, dropped, Step.HOSTS, case.log, shown)


def not_a_host(owner: Owner | None, hosts: set[str] | None) -> str:
    """Why an owner cannot take the meeting; "" if they can. `hosts` None: anybody active may."""
    if owner is None:
        return "has no owner"
    if owner.is_queue:
        return f"owner {owner.name or owner.id} is a queue"
    if not owner.active:
        return f"owner {owner.email or owner.id} is inactive"
    if not normalized_email(owner.email):
        return f"owner {owner.name or owner.id} has no e-mail"
    if hosts is not None and normalized_email(owner.email) not in hosts:
        return f"owner {owner.email} is no host of this event type"
    return ""


def _excluded(row: Person | Account, excluded: ExcludedRecordTypes) -> set[str]:
    if isinstance(row, Account):
        names = excluded.accounts
    else:
        names = excluded.contacts if row.kind is PersonKind.CONTACT else excluded.leads
    return {name.strip().casefold() for name in names} - {""}


def _passing(rows: tuple[R, ...], rule: FieldRule, log: TraceLog) -> tuple[R, ...]:
    wanted = rule.value.strip().casefold()
    values: dict[str, FieldValue] = {}
    dropped: dict[str, str] = {}
    unread: list[str] = []
    for row in rows:
        known, value = read_field(row.fields, rule.field)
        if not known:
            unread.append(row.id)
            continue
        values[row.id] = value
        if (field_text(value).casefold() == wanted) is (rule.action is FieldAction.IGNORE):
            dropped[row.id] = f"{rule.field} is {field_text(value)!r} ({rule.action} {rule.value!r})"
    if unread:
        log.lacks(f"field {rule.field}")
    reason = f"{rule.field} was not read from {', '.join(unread)}" if unread else ""
    return _kept(rows, dropped, Step.FIELD_RULES, log, values, f"{rule.action} {rule.field}={rule.value}", reason)


def _kept(
    rows: tuple[R, ...],
    dropped: dict[str, str],
    step: Step,
    log: TraceLog,
    values: dict[str, FieldValue],
    rule: str = "",
    reason: str = "",
) -> tuple[R, ...]:
    """The rows not dropped, with a step about it where the filter had something to do."""
    kept = tuple(row for row in rows if row.id not in dropped)
    if dropped or (rows and step is not Step.RECORD_TYPES):
        log.add(
            TraceStep(
                step=step,
                rule=rule,
                outcome="unchanged" if not dropped else "narrowed" if kept else "none left",
                reason=reason,
                before=tuple(row.id for row in rows),
                after=tuple(row.id for row in kept),
                values=values,
                dropped=dropped,
            )
        )
    return kept
