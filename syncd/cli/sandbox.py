"""`syncd sandbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from syncd.errors import ConfigError
from syncd.signals import end_awaited

from .context import Json
from .output import console, print_json, print_table

if TYPE_CHECKING:
    from syncd.sandbox import Sandbox

PEOPLE = ("anna@example.com", "ben@example.com")


def sandbox(
    app: Annotated[list[str] | None, typer.Option(help="Only this app's provider; may be repeated.")] = None,
    port: Annotated[
        int, typer.Option(help="The first port; one or two for each provider follow. 0: any free ones.")
    ] = 8700,
    person: Annotated[
        list[str] | None, typer.Option(help="Somebody with an account at each provider; may be repeated.")
    ] = None,
    json: Json = False,
) -> int:
    """Serve the providers' APIs on loopback until Ctrl-C, to connect to and to break on purpose."""
    from syncd.sandbox import Sandbox
    from syncd.sandbox.catalog import CATALOG, providers

    apps = app or list(CATALOG)
    unknown = [name for name in apps if name not in CATALOG]
    if unknown:
        raise ConfigError(f"No sandbox of {', '.join(unknown)}.", remedy=f"There are: {', '.join(CATALOG)}.")
    made = providers(apps)
    numbers = iter(range(port, port + 2 * len(made))) if port else iter([0] * 2 * len(made))
    ports = {name: next(numbers) for p in made for name in ((p.name, f"{p.name}-tls") if p.tls else (p.name,))}
    try:
        with end_awaited() as wait, Sandbox(made, ports=ports) as running:
            for provider in made:
                for email in person or PEOPLE:
                    provider.actions["add_user"](email=email)
            _tell(running, json)
            wait()
    except OSError as error:
        raise ConfigError(
            f"A port cannot be listened on: {error.strerror}.", remedy="Choose another: --port N."
        ) from error
    return 0


def _tell(running: Sandbox, json: bool) -> None:
    rows = [(p.name, p.url, p.tls_url, len(p.faults.known)) for p in running.providers.values()]
    from syncd.demo.clients import client_settings

    if json:
        print_json(
            {
                "ca_file": running.ca_file,
                "providers": [{"app": name, "url": url, "tls_url": tls} for name, url, tls, _ in rows],
            }
        )
        return
    print_table(("app", "address", "with TLS", "faults"), rows, "")
    console.print()
    console.print("For syncd.toml (client secret: sandbox-secret, by $SYNCD_CLIENT_SECRET_APP):", markup=False)
    for name in running.providers:
        console.print(f"\n[apps.{name}.client]", markup=False)
        for key, value in client_settings(running, name).items():
            console.print(f'{key} = "{value}"', markup=False)
    console.print("\nFaults, quotas and what people do: GET /_sandbox at each address. Ctrl-C ends it.", markup=False)
