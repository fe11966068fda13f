"""What to ask the CRM about an e-mail, before anything is decided: at most the five questions, in one call.

A question is left out when the rules cannot use its answer. A domain that may not be matched asks nothing about
accounts.
"""

from __future__ import annotations

from syncd.model.crm import Question, Questions, RecordKind

from .domains import (
    base_domain,
    email_domain,
    is_free_mail,
    no_fuzzy_reason,
    no_match_reason,
    normalized_email,
    spellings,
)
from .records import may_need_account
from .ruleset import OwnerBooking, Rules
from .trace import Purpose, Request
from .waterfall import fuzzy_wanted

_NOT_NEEDED = "the rules do not need it"


def questions(request: Request, rules: Rules) -> Questions:
    """The questions to answer before `decide`. Nothing in `asked` means nothing has to be asked."""
    domain = email_domain(request.email)
    reasons = {question: _left_out(question, domain, request, rules) for question in Question}
    asked = tuple(question for question, reason in reasons.items() if not reason)
    websites = Question.WEBSITES in asked
    booking = rules.owner_booking
    return Questions(
        asked=asked,
        email=normalized_email(request.email),
        domain=domain if websites else "",
        spellings=spellings(domain) if websites else (),
        base_domain=base_domain(domain) if Question.BASE_DOMAIN in asked else "",
        not_asked={question: reason for question, reason in reasons.items() if reason},
        excluded_contact_types=rules.excluded.contacts,
        account_fields=_account_fields(request, rules),
        person_fields=_rule_fields(rules) if booking.source is not RecordKind.ACCOUNT else (),
        lookup_field=booking.lookup_field if booking.source is RecordKind.ACCOUNT else "",
    )


def _left_out(question: Question, domain: str, request: Request, rules: Rules) -> str:
    """Why a question is not asked; "" if it is."""
    if request.purpose is Purpose.ROUTE and rules.owner_booking.skip_free_mail and is_free_mail(domain):
        return f"{domain} is a free-mail domain"
    if question in (Question.CONTACTS, Question.LEADS):
        return "" if question in _people_needed(request, rules) else _NOT_NEEDED
    if not _account_needed(request, rules):
        return _NOT_NEEDED
    if reason := no_match_reason(domain):
        return reason
    if question is Question.BASE_DOMAIN:
        return no_fuzzy_reason(domain) if fuzzy_wanted(rules, request.purpose) else "fuzzy matching is off"
    return ""


def _people_needed(request: Request, rules: Rules) -> tuple[Question, ...]:
    booking = rules.owner_booking
    if request.purpose is Purpose.RECORD or _leads_count(booking):
        return (Question.CONTACTS, Question.LEADS)
    by_account = booking.source is RecordKind.ACCOUNT
    return () if by_account and not rules.waterfall.own_account else (Question.CONTACTS,)


def _leads_count(booking: OwnerBooking) -> bool:
    return booking.source is RecordKind.LEAD or (booking.source is RecordKind.CONTACT and booking.fallback_to_lead)


def _account_needed(request: Request, rules: Rules) -> bool:
    if request.purpose is Purpose.ROUTE:
        return rules.owner_booking.source is RecordKind.ACCOUNT
    return may_need_account(rules.creation)


def _account_fields(request: Request, rules: Rules) -> tuple[str, ...]:
    names = [rules.tiebreaker.sub_region_field]
    if request.purpose is Purpose.ROUTE and rules.owner_booking.source is RecordKind.ACCOUNT:
        names += _rule_fields(rules)
    return tuple(dict.fromkeys(name for name in names if name))


def _rule_fields(rules: Rules) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.field for rule in rules.owner_booking.field_rules))
