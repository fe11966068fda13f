"""`syncd inbox`."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from syncd.errors import InputError
from syncd.model.clock import utc_now

from .context import Json, context_of
from .output import console, print_json, print_table

app = typer.Typer(help="Deliveries as they came; those that cannot be used are in quarantine.", no_args_is_help=True)
Ids = Annotated[list[int], typer.Argument(help="Ids, as `syncd inbox list` shows them.")]


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[
        str, typer.Option(help="quarantined, waiting, new, taken or ignored; all: every one.")
    ] = "quarantined",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    json: Json = False,
) -> None:
    """List deliveries, those in quarantine unless told otherwise."""
    from syncd.store import inbox

    states = list(inbox.DeliveryState) if state == "all" else [_state(state)]
    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        found = inbox.listed(session, states, limit)
    if json:
        print_json([d.model_dump(exclude={"body", "digest"}) for d in found])
        return
    rows = [(d.id, d.received_at, d.source, d.state, d.trigger, d.uid, d.repeats, d.reason) for d in found]
    print_table(("id", "received", "source", "state", "trigger", "booking", "repeats", "why"), rows, f"None {state}.")


def _state(text: str) -> str:
    from syncd.store.inbox import DeliveryState

    if text not in list(DeliveryState):
        raise InputError(f"No state {text!r}.", remedy=f"One of: {', '.join(DeliveryState)}, all.")
    return text


@app.command()
def show(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(help="Id, as `syncd inbox list` shows it.")],
    json: Json = False,
) -> None:
    """Show one delivery as it came. It may hold personal data."""
    from syncd.store import inbox

    with context_of(context).runtime() as runtime, runtime.database.read() as session:
        found = inbox.get(session, delivery)
    if json:
        print_json(found.model_dump())
        return
    console.print(f"Delivery {found.id} from {found.source}, {found.received_at:%Y-%m-%d %H:%M:%SZ}: {found.state}")
    if found.reason:
        console.print(found.reason, markup=False)
    console.print(_pretty(found.body), markup=False)


def _pretty(body: str) -> str:
    try:
        return json_module.dumps(json_module.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


@app.command()
def retry(context: typer.Context, delivery: Ids, json: Json = False) -> int:
    """Take deliveries in again: after an upgrade that understands them, or a mended database."""
    from syncd.store import inbox
    from syncd.store.inbox import DeliveryState, Mark

    with context_of(context).runtime() as runtime:
        with runtime.database.write() as session:
            for each in delivery:
                inbox.get(session, each)
                inbox.mark(session, [Mark(delivery_id=each, state=DeliveryState.NEW)], utc_now())
        report = runtime.intake.take_in()
    if json:
        print_json(report.deliveries)
    else:
        console.print(", ".join(f"{n} {s}" for s, n in sorted(report.deliveries.items())))
    return 1 if report.deliveries.get(DeliveryState.QUARANTINED) else 0
