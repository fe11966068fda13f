"""The tiebreaker: several accounts in, one out.

Rules run in the configured order on what the rules before left over; the first that leaves one account ends it. What
the page leaves open is decided here:

    case                                        decision
    an account without a value                  loses to any account with one; if none has one, the rule changes nothing
    a geo rule that matches no account          changes nothing
    the booker's place is unknown or empty      the rule is skipped
    a state, where countries are known          matches only within the same country; an unknown country is no obstacle
    a sub-region field with several values      values are split at ";" and ","; one of them is enough
    the booker's location for the sub-region    sub-region, city, region as code, as country-code and as name
    an account missing from a count             counts as 0: the count was asked for it and found none
    a count the provider denies                 the rule is skipped and traced
    equal best values                           all of them go on to the next rule
    tied after every rule                       the smallest id
    the tiebreaker is off, or has no rules      the deterministic first match: earliest created, then smallest id
    two accounts of one owner                   both stay candidates: an owner's second account may be the right one

Counts cost a provider call, so they are requested only when a rule that needs one meets more than one candidate, and
then for that rule and all later ones at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from syncd.model.crm import Account, CountKind, CountRequest, Counts, FieldValue

from .fields import field_text, read_field
from .places import country_code, folded, state_code, state_name
from .ruleset import TIE_RULES, Category, Tiebreaker, TieRule
from .trace import Request, Step, TraceLog, TraceStep

BY_ID = "id"
"""The decisive rule of a tie that no rule broke."""

FIRST = "first"
"""The decisive rule where the tiebreaker is off or has no rules."""

T = TypeVar("T", int, datetime)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Winner:
    """The account left over, and the rule that decided; "" where there was no tie."""

    account: Account
    rule: str = ""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one rule says of the candidates: their values by id, and who is kept; None where it was skipped."""

    kept: tuple[Account, ...] | None
    reason: str = ""
    compared_with: str = ""
    values: dict[str, FieldValue] | None = None


def break_tie(
    candidates: tuple[Account, ...],
    request: Request,
    settings: Tiebreaker,
    counts: Counts | None,
    log: TraceLog,
) -> Winner | CountRequest:
    """The account of `candidates` (at least one, ids unique), or the counts to decide it. `counts` None: not asked."""
    if len(candidates) == 1:
        return Winner(candidates[0])
    order = tuple(dict.fromkeys(settings.order))
    if not settings.on or not order:
        return _first(candidates, "the tiebreaker is off" if order else "every tiebreaker rule is removed", log)
    left = candidates
    for position, rule in enumerate(order):
        if counts is None and TIE_RULES[rule].count:
            return CountRequest(account_ids=tuple(sorted(a.id for a in left)), kinds=_kinds(order[position:]))
        verdict = _judge(rule, left, request, settings, counts, log)
        log.add(_step(rule, left, verdict))
        left = verdict.kept or left
        if len(left) == 1:
            return Winner(left[0], rule)
    winner = min(left, key=lambda account: account.id)
    log.add(_chosen(winner, left, BY_ID, "still tied after every rule: the smallest id"))
    return Winner(winner, BY_ID)


def first_account(candidates: Iterable[Account]) -> Account:
    """The deterministic first: earliest created, then smallest id."""
    return min(candidates, key=lambda account: (instant(account.created) or _LAST, account.id))


def instant(time: datetime | None) -> datetime | None:
    """A time that compares with every other: one without a zone is taken as UTC."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _first(candidates: tuple[Account, ...], why: str, log: TraceLog) -> Winner:
    winner = first_account(candidates)
    log.add(_chosen(winner, candidates, FIRST, f"{why}: the earliest created, then the smallest id"))
    return Winner(winner, FIRST)


def _kinds(order: tuple[TieRule, ...]) -> tuple[CountKind, ...]:
    return tuple(kind for rule in order if (kind := TIE_RULES[rule].count))


def _judge(
    rule: TieRule,
    candidates: tuple[Account, ...],
    request: Request,
    settings: Tiebreaker,
    counts: Counts | None,
    log: TraceLog,
) -> _Verdict:
    facts = TIE_RULES[rule]
    if facts.category is Category.GEO:
        return _geo(rule, candidates, request, settings)
    if facts.count:
        return _counted(facts.count, candidates, counts or Counts(), log)
    if rule is TieRule.LAST_ACTIVITY:
        return _best(candidates, {a.id: instant(a.last_activity) for a in candidates}, max)
    return _best(candidates, {a.id: instant(a.created) for a in candidates}, min)


def _geo(rule: TieRule, candidates: tuple[Account, ...], request: Request, settings: Tiebreaker) -> _Verdict:
    if not settings.geo:
        return _Verdict(None, "geo rules are off")
    if rule is TieRule.COUNTRY:
        return _in_country(candidates, country_code(request.country))
    if rule is TieRule.STATE:
        return _in_state(candidates, request)
    return _in_sub_region(candidates, request, settings.sub_region_field)


def account_country(account: Account) -> str:
    """The country of an account, comparable: its code where the org keeps one, else its text."""
    return country_code(account.country_code) or country_code(account.country)


def _in_country(candidates: tuple[Account, ...], wanted: str) -> _Verdict:
    if not wanted:
        return _Verdict(None, "the booker's country is unknown")
    found = {a.id: account_country(a) for a in candidates}
    return _matching(candidates, {id_: value == wanted for id_, value in found.items()}, wanted, dict(found))


def _in_state(candidates: tuple[Account, ...], request: Request) -> _Verdict:
    country = country_code(request.country)
    if not state_code(request.region, country):
        return _Verdict(None, "the booker's state is unknown")
    found: dict[str, FieldValue] = {}
    matches: dict[str, bool] = {}
    for account in candidates:
        own = account_country(account)
        where = own or country
        state = state_code(account.state_code, where) or state_code(account.state, where)
        found[account.id] = f"{where}-{state}" if state else ""
        same_country = not own or not country or own == country
        matches[account.id] = same_country and bool(state) and state == state_code(request.region, country or where)
    wanted = f"{country}-{state_code(request.region, country)}".removeprefix("-")
    return _matching(candidates, matches, wanted, found)


def _in_sub_region(candidates: tuple[Account, ...], request: Request, name: str) -> _Verdict:
    if not name:
        return _Verdict(None, "no sub-region field is configured")
    wanted = _locations(request)
    if not wanted:
        return _Verdict(None, "the booker's location is unknown")
    found = {a.id: field_text(read_field(a.fields, name)[1]) for a in candidates}
    matches = {id_: bool(_parts(text) & wanted) for id_, text in found.items()}
    return _matching(candidates, matches, ", ".join(sorted(wanted)), dict(found))


def _locations(request: Request) -> set[str]:
    country = country_code(request.country)
    state = state_code(request.region, country)
    full_code = f"{country} {state}" if country and state else ""
    names = (request.sub_region, request.city, request.region, state, full_code, state_name(state, country))
    return {folded(text) for text in names} - {""}


def _parts(text: str) -> set[str]:
    return {folded(part) for part in text.replace(",", ";").split(";")} - {""}


def _counted(kind: CountKind, candidates: tuple[Account, ...], counts: Counts, log: TraceLog) -> _Verdict:
    if kind in counts.denied:
        return _Verdict(None, f"the CRM denies it: {counts.denied[kind]}")
    found = counts.found.get(kind)
    if found is None or not {a.id for a in candidates} <= set(counts.account_ids):
        log.lacks(f"counts of {kind} for the tied accounts")
        return _Verdict(None, "the evidence holds no such counts for these accounts")
    return _best(candidates, {a.id: found.get(a.id, 0) for a in candidates}, max)


def _best(candidates: tuple[Account, ...], values: dict[str, T | None], choose: Callable[[Iterable[T]], T]) -> _Verdict:
    shown = {id_: _shown(value) for id_, value in values.items()}
    present = [value for value in values.values() if value is not None]
    if not present:
        return _Verdict(candidates, "no account has a value", values=shown)
    best = choose(present)
    kept = tuple(a for a in candidates if values[a.id] == best)
    return _Verdict(kept, compared_with=str(_shown(best)), values=shown)


def _shown(value: int | datetime | None) -> FieldValue:
    return value.isoformat() if isinstance(value, datetime) else value


def _matching(
    candidates: tuple[Account, ...], matches: dict[str, bool], wanted: str, values: dict[str, FieldValue]
) -> _Verdict:
    kept = tuple(a for a in candidates if matches[a.id])
    if not kept:
        return _Verdict(candidates, "no account matches", wanted, values)
    return _Verdict(kept, compared_with=wanted, values=values)


def _step(rule: TieRule, before: tuple[Account, ...], verdict: _Verdict) -> TraceStep:
    after = before if verdict.kept is None else verdict.kept
    kept = {account.id for account in after}
    return TraceStep(
        step=Step.TIEBREAK,
        rule=rule,
        outcome=_outcome(len(before), len(after), verdict),
        reason=verdict.reason or TIE_RULES[rule].description,
        compared_with=verdict.compared_with,
        before=tuple(a.id for a in before),
        after=tuple(a.id for a in after),
        values=verdict.values or {},
        dropped={a.id: f"not {TIE_RULES[rule].description}" for a in before if a.id not in kept},
    )


def _outcome(before: int, after: int, verdict: _Verdict) -> str:
    if verdict.kept is None:
        return "skipped"
    if after == before:
        return "unchanged"
    return "decided" if after == 1 else "narrowed"


def _chosen(winner: Account, among: tuple[Account, ...], rule: str, reason: str) -> TraceStep:
    return TraceStep(
        step=Step.TIEBREAK,
        rule=rule,
        outcome="decided",
        reason=reason,
        before=tuple(a.id for a in among),
        after=(winner.id,),
        values={a.id: _shown(instant(a.created)) for a in among},
    )
