"""Which account an e-mail belongs to: the first step that finds one decides.

    step                 candidates
    own account          accounts of all the attendee's own contacts; a setting, and no domain is compared
    exact website        website is the e-mail's domain and nothing else, without case: `acme.com`
    normalized website   website without scheme, `www.`, port, path is that domain
    contact domain       accounts of contacts in that e-mail domain
    fuzzy domain         website with the same base domain, whatever its suffix; only if switched on

In each step: matched, then record types, then field rules (routing), then hosts, then the tiebreaker. What the page
leaves open is decided here:

    case                                              decision
    record types or field rules leave nothing         the step found nothing; the next one is tried
    no owner of a step's accounts is a host           routing ends as round robin, as the page says; `search_on` tries
                                                      the next step. For records the accounts stay candidates: the
                                                      company is the same, whoever takes the meeting
    free-mail, hosting, single-label and IP domains   no step that compares domains runs
    a website on a hosting domain                     never a fuzzy candidate: `github.com` is not `acme.github.io`
    e-mail on a subdomain                             exact and normalized want that subdomain; fuzzy ignores it
    contact domain with several accounts              all are candidates, as the page says; `contact_majority` keeps
                                                      those with the most contacts in the domain
    a question the provider denies                    its step is skipped and traced
    an account that is named but was not read         dropped, and the decision says what the evidence lacks
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.model.crm import Account, CountRequest, FieldValue, Owner, PersonKind, Question, RecordKind

from .candidates import Case, owned_by_hosts, passing_field_rules, unanswered, unique, without_excluded_types
from .domains import bare_domain, base_domain, no_fuzzy_reason, no_match_reason, website_domain
from .people import matching_people
from .ruleset import AttendeeRecord, Rules
from .tiebreak import break_tie
from .trace import Purpose, Step, TraceStep


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """The account resolved, by which step, and the tiebreaker rule that decided ("" for no tie)."""

    account: Account
    method: Step
    rule: str


@dataclass(frozen=True, slots=True)
class NoAccount:
    """No account, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Matches:
    """What a step matched, with the value each candidate was matched by; `skipped` says why it did not run."""

    accounts: tuple[Account, ...] = ()
    values: dict[str, FieldValue] | None = None
    compared_with: str = ""
    skipped: str = ""
    dropped: dict[str, str] | None = None


def resolve_account(case: Case) -> FoundAccount | NoAccount | CountRequest:
    """The account of the booker's e-mail by the waterfall, or the counts its tie needs."""
    accounts = unique(case.evidence.accounts)
    without_host: list[Step] = []
    for step, matching in _STEPS:
        matches = matching(case, accounts)
        case.log.add(_traced(step, matches))
        eligible = _eligible(matches.accounts, case)
        if not eligible:
            continue
        candidates = owned_by_hosts(eligible, owner_rule(case.rules), case)
        if not candidates and case.routing:
            without_host.append(step)
            if case.rules.waterfall.search_on:
                continue
            break
        winner = break_tie(candidates or eligible, case.request, case.rules.tiebreaker, case.counts, case.log)
        if isinstance(winner, CountRequest):
            return winner
        return FoundAccount(winner.account, step, winner.rule)
    return _none(case, without_host)


def owner_rule(rules: Rules) -> Callable[[Account], Owner | None]:
    """How an account's host is named: its owner, or the user in the configured lookup field."""
    lookup = rules.owner_booking.lookup_field.strip().casefold()
    if not lookup:
        return lambda account: account.owner

    def looked_up(account: Account) -> Owner | None:
        named = {name: user for name, user in account.lookups.items() if name.casefold() == lookup}
        return named[min(named)] if named else None

    return looked_up


def fuzzy_wanted(rules: Rules, purpose: Purpose) -> bool:
    """Whether the fuzzy step applies: switched on, and an account is what is looked for.

    Routing by the account's owner, or contact under account; contact and lead mode never match fuzzily.
    """
    if not rules.waterfall.fuzzy:
        return False
    if purpose is Purpose.ROUTE:
        return rules.owner_booking.source is RecordKind.ACCOUNT
    return rules.creation.attendee_record is AttendeeRecord.CONTACT_UNDER_ACCOUNT


def _none(case: Case, without_host: list[Step]) -> NoAccount:
    if without_host:
        return NoAccount(f"no owner of the accounts found by {', '.join(without_host)} is a host")
    return NoAccount(no_match_reason(case.domain) or f"no account was found for {case.domain}")


def _eligible(accounts: tuple[Account, ...], case: Case) -> tuple[Account, ...]:
    kept = without_excluded_types(accounts, case)
    return passing_field_rules(kept, case) if case.routing else kept


def _own_account(case: Case, accounts: tuple[Account, ...]) -> _Matches:
    if not case.rules.waterfall.own_account:
        return _Matches(skipped="switched off")
    if skipped := unanswered(case, Question.CONTACTS):
        return _Matches(skipped=skipped)
    contacts = matching_people(case, PersonKind.CONTACT)
    return _by_ids(case, accounts, {c.account_id: c.id for c in contacts if c.account_id}, case.email)


def _exact(case: Case, accounts: tuple[Account, ...]) -> _Matches:
    return _by_website(case, accounts, bare_domain)


def _normalized(case: Case, accounts: tuple[Account, ...]) -> _Matches:
    return _by_website(case, accounts, website_domain)


def _by_website(case: Case, accounts: tuple[Account, ...], domain_of: Callable[[str], str]) -> _Matches:
    if skipped := no_match_reason(case.domain) or unanswered(case, Question.WEBSITES):
        return _Matches(skipped=skipped)
    found = tuple(account for account in accounts if domain_of(account.website) == case.domain)
    return _Matches(found, {account.id: account.website for account in found}, case.domain)


def _contact_domain(case: Case, accounts: tuple[Account, ...]) -> _Matches:
    if skipped := no_match_reason(case.domain) or unanswered(case, Question.CONTACT_DOMAIN):
        return _Matches(skipped=skipped)
    counted = {id_: number for id_, number in case.evidence.contact_counts.items() if number > 0}
    if case.rules.waterfall.contact_majority and counted:
        most = max(counted.values())
        counted = {id_: number for id_, number in counted.items() if number == most}
    return _by_ids(case, accounts, dict(counted), f"@{case.domain}")


def _fuzzy(case: Case, accounts: tuple[Account, ...]) -> _Matches:
    if not fuzzy_wanted(case.rules, case.request.purpose):
        return _Matches(skipped="switched off")
    if skipped := no_fuzzy_reason(case.domain) or unanswered(case, Question.BASE_DOMAIN):
        return _Matches(skipped=skipped)
    wanted = base_domain(case.domain)
    domains = {account.id: website_domain(account.website) for account in accounts}
    found = tuple(a for a in accounts if base_domain(domains[a.id]) == wanted and not no_match_reason(domains[a.id]))
    return _Matches(found, {account.id: account.website for account in found}, wanted)


_STEPS: tuple[tuple[Step, Callable[[Case, tuple[Account, ...]], _Matches]], ...] = (
    (Step.OWN_ACCOUNT, _own_account),
    (Step.EXACT, _exact),
    (Step.NORMALIZED, _normalized),
    (Step.CONTACT_DOMAIN, _contact_domain),
    (Step.FUZZY, _fuzzy),
)


def _by_ids(case: Case, accounts: tuple[Account, ...], wanted: dict[str, FieldValue], compared_with: str) -> _Matches:
    found = tuple(account for account in accounts if account.id in wanted)
    unread = {id_: "the account was not read" for id_ in wanted.keys() - {account.id for account in found}}
    for id_ in sorted(unread):
        case.log.lacks(f"account {id_}")
    return _Matches(found, wanted, compared_with, dropped=dict(sorted(unread.items())))


def _traced(step: Step, matches: _Matches) -> TraceStep:
    return TraceStep(
        step=step,
        outcome="skipped" if matches.skipped else "matched" if matches.accounts else "none",
        reason=matches.skipped,
        compared_with=matches.compared_with,
        after=tuple(account.id for account in matches.accounts),
        values=matches.values or {},
        dropped=matches.dropped or {},
    )
