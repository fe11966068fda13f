"""Routing decisions as commands print them."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .output import console, plain, print_table, shown

if TYPE_CHECKING:
    from syncd.engine.routing import Routed
    from syncd.engine.routing_record import KeptDecision
    from syncd.rules.routing import Decision, TraceStep

    Made = Routed | KeptDecision


def document(made: Made) -> dict[str, Any]:
    """A decision for machines: its own fields beside those of how it was made."""
    from syncd.rules.routing import decision_json

    fields: dict[str, Any] = plain(made)
    del fields["decision"]
    return {**fields, **json_module.loads(decision_json(made.decision))}


def print_decision(made: Made, *, explain: bool) -> None:
    """Print who takes the meeting and why; with `explain` every step of how that was found."""
    decision = made.decision
    chosen = f"[bold]{shown(decision.owner.email)}[/] takes the meeting:" if decision.owner else "Round robin:"
    console.print(f"{chosen} {shown(decision.reason)}.")
    if not explain:
        return
    if made.app:
        console.print(f"  asked {shown(made.app)}, rules {decision.rules_version}, {made.seconds:.3f} s")
    console.print()
    columns = ("#", "step", "rule", "outcome", "compared with", "before", "left", "why")
    print_table(columns, _steps(decision), "")
    candidates = list(_candidates(decision))
    if candidates:
        console.print()
        print_table(("#", "step", "candidate", "value", "dropped because"), candidates, "")
    if made.calls:
        console.print()
        print_table(("call", "seconds"), [(name, f"{seconds:.3f}") for name, seconds in made.calls.items()], "")
    for missing in decision.missing:
        console.print(f"  not known: {shown(missing)}")


def _steps(decision: Decision) -> Iterator[tuple[object, ...]]:
    for number, step in enumerate(decision.trace, 1):
        before, left = (" ".join(ids) for ids in (step.before, step.after))
        yield (number, step.step, step.rule, step.outcome, step.compared_with, before, left, step.reason)


def _candidates(decision: Decision) -> Iterator[tuple[object, ...]]:
    for number, step in enumerate(decision.trace, 1):
        for candidate in _named(step):
            value = step.values.get(candidate)
            yield (number, step.step, candidate, _value(value), step.dropped.get(candidate, ""))


def _named(step: TraceStep) -> list[str]:
    """Whoever a step says something about."""
    return list(dict.fromkeys((*step.before, *step.after, *step.values, *step.dropped))) if _tells(step) else []


def _tells(step: TraceStep) -> bool:
    return bool(step.values or step.dropped)


def _value(value: object) -> str:
    return "null" if value is None else str(value)
