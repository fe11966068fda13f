"""Which host takes the meeting: the owner of the booker's record, or round robin.

    source     the record                                              none eligible
    contact    the booker's contact                                    with `fallback_to_lead` the lead; or round robin
    lead       the booker's lead; a converted one is its contact       round robin
    account    the account of the waterfall                            round robin

The fallback looks at leads when no contact was found or all were dropped by record types or field rules. When a
contact was left and its owner is no host, the answer is round robin: a lead does not outrank the contact. An account
whose lookup field names no user counts as one without an owner.
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.model.crm import Account, CountRequest, Counts, Evidence, Owner, Person, PersonKind, RecordKind

from .candidates import Case, concluded
from .domains import is_free_mail
from .people import STEP_OF, choose_person, eligible_people
from .ruleset import Rules
from .trace import Decision, Outcome, Request, Step, TraceStep
from .waterfall import NoAccount, owner_rule, resolve_account


def route(request: Request, rules: Rules, evidence: Evidence, counts: Counts | None = None) -> Decision | CountRequest:
    """The host for `request`, or the counts a tie needs; call again with them. Never raises for any evidence."""
    case = Case.of(request, rules, evidence, counts)
    settings = rules.owner_booking
    if settings.skip_free_mail and is_free_mail(case.domain):
        reason = f"{case.domain} is a free-mail domain"
        case.log.add(TraceStep(step=Step.FREE_MAIL, outcome="skipped", reason=reason))
        return _round_robin(case, reason)
    return _SOURCES[settings.source](case)


def _by_contact(case: Case) -> Decision | CountRequest:
    decision, found = _by_person(case, PersonKind.CONTACT)
    if decision:
        return decision
    if found:
        return _round_robin(case, "no owner of the booker's contacts is a host")
    if case.rules.owner_booking.fallback_to_lead:
        return _by_lead(case)
    return _round_robin(case, f"no contact was found for {case.email}")


def _by_lead(case: Case) -> Decision | CountRequest:
    decision, found = _by_person(case, PersonKind.LEAD)
    if decision:
        return decision
    if found:
        return _round_robin(case, "no owner of the booker's leads is a host")
    return _round_robin(case, f"no lead was found for {case.email}")


def _by_person(case: Case, kind: PersonKind) -> tuple[Decision | None, bool]:
    """The decision for the booker's person of a kind; else whether one was left when hosts were asked for."""
    people, found = eligible_people(case, kind)
    person = choose_person(people, case)
    if person is None or person.owner is None:
        return None, found
    return _to_owner(case, person, person.owner), True


def _by_account(case: Case) -> Decision | CountRequest:
    found = resolve_account(case)
    if isinstance(found, CountRequest):
        return found
    if isinstance(found, NoAccount):
        return _round_robin(case, found.reason)
    owner = owner_rule(case.rules)(found.account)
    assert owner is not None, "an account without an owner is no candidate for a host"
    return concluded(
        case,
        Decision(
            outcome=Outcome.OWNER,
            reason=_why(found.account, owner, found.method, found.rule),
            rules_version=case.rules.version,
            owner=owner,
            record_kind=RecordKind.ACCOUNT,
            record_id=found.account.id,
            account_id=found.account.id,
            method=found.method,
            decisive_rule=found.rule,
        ),
    )


def _to_owner(case: Case, person: Person, owner: Owner) -> Decision:
    decision = Decision(
        outcome=Outcome.OWNER,
        reason=f"{owner.email} owns {person.kind} {person.id}",
        rules_version=case.rules.version,
        owner=owner,
        record_kind=RecordKind(person.kind),
        record_id=person.id,
        account_id=person.account_id,
        method=STEP_OF[person.kind],
    )
    return concluded(case, decision)


def _why(account: Account, owner: Owner, method: Step, rule: str) -> str:
    tie = f", tie decided by {rule}" if rule else ""
    return f"{owner.email} has account {account.name or account.id} (found by {method}{tie})"


def _round_robin(case: Case, reason: str) -> Decision:
    decision = Decision(outcome=Outcome.ROUND_ROBIN, reason=reason, rules_version=case.rules.version)
    return concluded(case, decision)


_SOURCES: dict[RecordKind, Callable[[Case], Decision | CountRequest]] = {
    RecordKind.CONTACT: _by_contact,
    RecordKind.LEAD: _by_lead,
    RecordKind.ACCOUNT: _by_account,
}
