"""What the ics-feed connector declares: its credential, and what loading it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from feed_server import TOKEN
from pydantic import ValidationError
from syncd_connectors.ics_feed import ICS_FEED
from syncd_connectors.ics_feed.feed import IcsFeedCredential, feed_id, http_url


@pytest.mark.parametrize(
    ("given", "fetched"),
    [
        ("webcal://h.example/a.ics", "https://h.example/a.ics"),
        ("WEBCALS://h.example/a.ics", "https://h.example/a.ics"),
        ("HTTP://h.example/a.ics", "http://h.example/a.ics"),
        (" https://u:p@h.example:8443/a.ics?k=v ", "https://u:p@h.example:8443/a.ics?k=v"),
    ],
)
def test_webcal_is_fetched_over_https(given: str, fetched: str) -> None:
    assert http_url(given) == fetched
    assert feed_id(given) == feed_id(fetched)


@pytest.mark.parametrize(
    "urls",
    [
        (),
        (f"ftp://h.example/{TOKEN}",),
        (f"https:///{TOKEN}",),
        (f"https://[{TOKEN}",),
        (f"https://h.example:{TOKEN}/",),
        (TOKEN,),
        tuple(f"https://h.example/{TOKEN}/{n}" for n in range(21)),
    ],
)
def test_a_credential_without_usable_urls_is_refused_without_repeating_them(urls: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        IcsFeedCredential(urls=urls)
    assert TOKEN not in str(caught.value)


def test_a_credential_does_not_show_its_urls() -> None:
    credential = IcsFeedCredential.model_validate({"urls": [f"https://h.example/{TOKEN}"], "skipWriting": True})
    assert TOKEN not in f"{credential!r} {credential} {ICS_FEED.account(credential)}"
    assert ICS_FEED.account(credential) == "h.example"


def test_declaring_the_connector_loads_no_network_or_calendar_library() -> None:
    script = (
        "import sys; from syncd_connectors.ics_feed import ICS_FEED; "
        "print([name for name in ('requests', 'urllib3', 'icalendar', 'dateutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
