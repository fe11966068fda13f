"""`syncd status`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import age, console, plain, print_json, print_table, shown

if TYPE_CHECKING:
    from syncd.engine.overview import Overview


def status(context: typer.Context, json: Json = False) -> int:
    """How things stand: connections, waiting work, freshness, what waits for a person, next runs. Exit 1 if anything
    does.
    """
    from syncd.engine.clone import REMEDY
    from syncd.engine.overview import overview

    own = context_of(context)
    stale_after = timedelta(minutes=own.settings.busy.stale_minutes)
    with own.runtime() as runtime:
        moved = runtime.home.moved
        with runtime.database.read() as session:
            found = overview(session, utc_now(), stale_after)
    if json:
        print_json({**_document(found), "read_only": moved is not None})
    else:
        if moved is not None:
            console.print(f"[red]Read-only.[/] {moved} {REMEDY}")
        _print(found, own.settings.jobs.model_dump())
    waits = found.broken or found.delegations or found.parked or found.unplanned
    return 1 if moved or waits else 0


def _document(found: Overview) -> dict[str, object]:
    shown = {name: getattr(found, name) for name in found.__dataclass_fields__ if name != "connections"}
    told: dict[str, object] = plain(shown)
    told["connections"] = [{"app": a, "state": s, "count": n} for (a, s), n in sorted(found.connections.items())]
    told["calendars"] = {
        app: dict(zip(("fresh", "stale", "failed"), counts, strict=True)) for app, counts in found.calendars.items()
    }
    return told


def _print(found: Overview, periods: dict[str, float]) -> None:
    rows = [(app, state, count) for (app, state), count in sorted(found.connections.items())]
    print_table(("app", "connections", "how many"), rows, "No connections.")
    console.print()
    fresh = [
        (app, *counts, age(found.oldest_as_of.get(app), found.at)) for app, counts in sorted(found.calendars.items())
    ]
    print_table(("calendars of", "fresh", "stale", "failed", "oldest"), fresh, "No calendar is checked for conflicts.")
    console.print()
    _print_limits(found)
    _print_queue("Deliveries", found.deliveries, found.oldest_delivery_at, found)
    _print_queue("Writes", found.references, found.oldest_pending_at, found)
    if found.unplanned:
        console.print(f"[red]{found.unplanned} booking(s) cannot be planned:[/] syncd bookings list --parked")
    for broken in found.broken:
        console.print(f"[red]Connection {broken['id']}[/] ({broken['app']}): {broken['reason']} {broken['remedy']}")
    for failed in found.delegations:
        whom = failed.payload["user"]["email"]
        console.print(
            f"[red]Delegation {failed.delegation_id}[/] ({failed.platform}, {failed.domain}, for {shown(whom)}):"
            f" {shown(failed.payload['error']['message'])} {shown(failed.remedy)}"
        )
    for parked in found.parked:
        console.print(f"[red]Parked[/] {parked['subject']} ({parked['app']}): {parked['error']} {parked['remedy']}")
    for error in found.sync_errors:
        dropped = f"; not written: {', '.join(error['dropped'])}" if error["dropped"] else ""
        console.print(
            f"[yellow]Sync error[/] connection {error['connection_id']}, event type {error['event_type_id']},"
            f" {error['moment']}: {shown(error['message'])} [{error['code']}]{shown(dropped)},"
            f" {error['seen']} times, last {age(error['at'], found.at)} ago"
        )
    for changed in found.drifted:
        console.print(
            f"[yellow]Changed by a person[/] {shown(changed['subject'])} ({changed['app']}): {changed['drift_detail']}"
        )
    console.print()
    _print_jobs(found, periods)


def _print_limits(found: Overview) -> None:
    rows = [
        (
            each["app"],
            each["connection_id"],
            each["calls_left"],
            f"in {age(found.at, each['waits_until'])}"
            if each["waits_until"] and each["waits_until"] > found.at
            else "",
            f"{each['pace']:.1f}" if each["pace"] else "",
        )
        for each in found.limits
        if each["calls_left"] is not None or each["pace"]
    ]
    if rows:
        columns = ("limits of", "connection", "calls left at once", "asked to wait", "calls a second learnt")
        print_table(columns, rows, "")
        console.print()


def _print_queue(title: str, counts: dict[str, int], oldest: object, found: Overview) -> None:
    told = ", ".join(f"{n} {s}" for s, n in sorted(counts.items())) or "none"
    waiting = f"; the oldest waits since {age(oldest, found.at)}" if oldest else ""  # type: ignore[arg-type]
    console.print(f"{title}: {told}{waiting}")


def _print_jobs(found: Overview, periods: dict[str, float]) -> None:
    last = {run["job"]: run for run in found.jobs}
    rows = []
    for setting, period in periods.items():
        job = setting.replace("_", "-")
        run = last.get(job)
        if run is None:
            rows.append((job, "never", "", ""))
            continue
        due = run["started_at"] + timedelta(seconds=period)
        next_run = "now" if due <= found.at else f"in {age(found.at, due)}"
        rows.append((job, age(run["started_at"], found.at), next_run, run["outcome"]))
    print_table(("job", "last run", "next run", "outcome"), rows, "")
