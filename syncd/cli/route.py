"""`syncd route`: who takes a booker's meeting, and what other rules would have decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.errors import ConfigError, InputError
from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import console, print_json, print_table, shown
from .times import parse_span

if TYPE_CHECKING:
    from syncd.engine.routing_record import Replayed, ReplayReport
    from syncd.rules.routing import Decision

REPLAY = "replay"
HOW = "syncd route EMAIL --event-type N, or: syncd route replay --since 90d --rules FILE"


def route(
    context: typer.Context,
    email: Annotated[
        str, typer.Argument(metavar="EMAIL|replay", help="The booker's e-mail; or replay: decide recorded ones anew.")
    ],
    event_type: Annotated[int | None, typer.Option(min=0, help="The event type's id.")] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="A host's e-mail; may be repeated. Without it any active owner.")
    ] = None,
    country: Annotated[str, typer.Option(help="The booker's, a code or a name.")] = "",
    region: Annotated[str, typer.Option(help="The booker's state or region, a code or a name.")] = "",
    city: Annotated[str, typer.Option(help="The booker's.")] = "",
    sub_region: Annotated[str, typer.Option(help="The booker's territory, as accounts name it.")] = "",
    explain: Annotated[bool, typer.Option("--explain", help="Show every step.")] = False,
    since: Annotated[str, typer.Option(help="replay: decisions not older than 12h, 90d.")] = "90d",
    rules: Annotated[str, typer.Option(help="replay: a TOML file with [event_types.N.crm.CONNECTION].")] = "",
    json: Json = False,
) -> None:
    """Ask the CRM who takes a booker's meeting, and why; or what other rules would have decided.

    The decision is recorded, as one for a booking page is.
    """
    if email == REPLAY:
        _replay(context, since, rules, json)
        return
    if rules:
        raise InputError("--rules is for replay.", code="usage", remedy=HOW)
    if event_type is None or "@" not in email.strip("@"):
        missing = "--event-type is missing." if event_type is None else f"{email!r} is no e-mail."
        raise InputError(missing, code="usage", remedy=HOW)
    from .decisions import document, print_decision

    hosts = tuple(host) if host else None
    with context_of(context).runtime() as runtime:
        routed = runtime.routing.route(
            event_type, email, hosts, country=country, region=region, city=city, sub_region=sub_region
        )
    if json:
        print_json({"event_type_id": event_type, **document(routed)})
    else:
        print_decision(routed, explain=explain)


def _replay(context: typer.Context, since: str, rules: str, json: bool) -> None:
    from syncd.settings import load

    if not rules:
        raise InputError("--rules is missing.", code="usage", remedy=HOW)
    after = utc_now() - parse_span(since)
    new = load(rules, {})
    if not any(event_type.crm for event_type in new.event_types.values()):
        raise ConfigError(
            f"{rules} has no rules of a CRM.", remedy="Write them as in the configuration: [event_types.123.crm.7]."
        )
    with context_of(context).runtime() as runtime:
        report = runtime.routing.record.replay(new, after)
    if json:
        print_json(_document(report))
    else:
        _print(report)


def _document(report: ReplayReport) -> dict[str, Any]:
    return {
        "decided": report.decided,
        "changed": [
            {
                "id": one.id,
                "at": one.at,
                "event_type_id": one.event_type_id,
                "connection_id": one.connection_id,
                "booker": one.booker,
                "was": _choice(one.was),
                "now": _choice(one.now),
                "sure": one.sure,
                "missing": one.now.missing,
            }
            for one in report.changed
        ],
        "unsure": report.unsure,
        "without_rules": report.without_rules,
        "unreadable": report.unreadable,
    }


def _choice(decision: Decision) -> dict[str, Any]:
    return {
        "outcome": decision.outcome,
        "host": decision.owner.email if decision.owner else None,
        "record_id": decision.record_id or None,
        "reason": decision.reason,
        "rules_version": decision.rules_version,
    }


def _print(report: ReplayReport) -> None:
    columns = ("decision", "at", "event type", "booker", "was", "would be", "why", "sure", "not known")
    print_table(columns, [_row(one) for one in report.changed], "")
    console.print(f"{report.decided} decision(s) made again: {len(report.changed)} would have been others.")
    if report.unsure:
        console.print(f"{report.unsure} of them are a forecast: the new rules ask for something that was not recorded.")
    if report.without_rules:
        console.print(f"{report.without_rules} left alone: the file has no rules of their event type and connection.")
    if report.unreadable:
        ids = ", ".join(map(str, report.unreadable))
        console.print(f"[yellow]Not readable[/] by this version of syncd: {shown(ids)}")


def _row(one: Replayed) -> tuple[object, ...]:
    was, now = (d.owner.email if d.owner else "round robin" for d in (one.was, one.now))
    missing = "; ".join(one.now.missing)
    return (one.id, one.at, one.event_type_id, one.booker, was, now, one.now.reason, one.sure, missing)
