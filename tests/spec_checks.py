"""What crosses a sandbox against the providers' own specifications: provider's name -> check of one exchange."""

from __future__ import annotations

from collections.abc import Callable

from spec import google, graph, zoho_calendar

from syncd.sandbox import Exchange

CHECKS: dict[str, Callable[[Exchange], list[str]]] = {
    "google-calendar": google.check,
    "office365-calendar": graph.check,
    "zohocalendar": zoho_calendar.check,
}
"""Provider -> what is wrong with an exchange; nothing when it is as the specification says."""
