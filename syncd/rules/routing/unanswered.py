"""What is decided when the CRM did not answer, or nobody is to be asked: round robin, and why.

What the first answer said stays in the trace when only the second, with the counts of a tie, did not come.
"""

from __future__ import annotations

from syncd.model.crm import Counts, Evidence

from .routes import route
from .ruleset import Rules
from .trace import Decision, Outcome, Request, Step, TraceStep

_AFTER_COUNTS = (Step.TIEBREAK, Step.RESULT)


def round_robin(reason: str, version: str = "", steps: tuple[TraceStep, ...] = ()) -> Decision:
    """Round robin for `reason`, after `steps`."""
    result = TraceStep(step=Step.RESULT, outcome=Outcome.ROUND_ROBIN, reason=reason)
    return Decision(outcome=Outcome.ROUND_ROBIN, reason=reason, rules_version=version, trace=(*steps, result))


def without_answer(request: Request, rules: Rules, evidence: Evidence, reason: str) -> Decision:
    """Round robin because a lookup did not do what was asked; `evidence` is what had been answered before."""
    known: tuple[TraceStep, ...] = ()
    if evidence.asked:
        forecast = route(request, rules, evidence, Counts())
        assert isinstance(forecast, Decision), "counts were given, so none are requested"
        known = tuple(step for step in forecast.trace if step.step not in _AFTER_COUNTS)
    failed = TraceStep(step=Step.LOOKUP, outcome="failed", reason=reason)
    return round_robin(reason, rules.version, (*known, failed))
