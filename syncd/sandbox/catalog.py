"""The sandboxed providers by the app they stand for, imported when they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from .kernel import Provider

CATALOG = {
    "google-calendar": "google:GoogleCalendar",
    "office365-calendar": "microsoft:MicrosoftGraph",
    "zohocalendar": "zoho:ZohoCalendar",
    "salesforce": "salesforce:Salesforce",
}
"""App -> module of this package and class."""


def providers(apps: Sequence[str]) -> list[Provider]:
    """A new provider for each app.

    Raises:
        KeyError: there is no sandbox of that app.
    """
    return [_made(CATALOG[app]) for app in apps]


def _made(named: str) -> Provider:
    module, _, name = named.partition(":")
    made = getattr(import_module(f"{__package__}.{module}"), name)()
    assert isinstance(made, Provider)
    return made
