"""Deciding, and deciding again: the same evidence under other rules.

A recorded decision holds only what its own rules asked for. Where the new rules ask for more (a fuzzy step that was
off, counts of other accounts, a field that was not read), the replay goes on without it and says so in
`Decision.missing`: such a decision is a forecast, not a certainty.
"""

from __future__ import annotations

from syncd.model.crm import CountRequest, Counts, Evidence

from .records import record_for
from .routes import route
from .ruleset import Rules
from .trace import Decision, Purpose, Recorded, Request


def decide(request: Request, rules: Rules, evidence: Evidence, counts: Counts | None = None) -> Decision | CountRequest:
    """What `request` asks for: the host, or the record. A `CountRequest` is answered by another call with counts."""
    if request.purpose is Purpose.ROUTE:
        return route(request, rules, evidence, counts)
    return record_for(request, rules, evidence, counts)


def replay(recorded: Recorded, rules: Rules) -> Decision:
    """The decision `rules` make from recorded evidence."""
    decision = decide(recorded.request, rules, recorded.evidence, recorded.counts or Counts())
    assert isinstance(decision, Decision), "counts were given, so none are requested"
    return decision


def same_choice(one: Decision, other: Decision) -> bool:
    """Whether two decisions come to the same: outcome, host, record and action, whatever the way there."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("outcome", "owner", "record_kind", "record_id", "account_id", "action")
    )


def record(
    request: Request,
    rules: Rules,
    evidence: Evidence,
    counts: Counts | None,
    decision: Decision,
    seconds: dict[str, float] | None = None,
) -> Recorded:
    """A decision with what it was made of, for the store."""
    return Recorded(
        request=request, rules=rules, evidence=evidence, counts=counts, decision=decision, seconds=seconds or {}
    )
