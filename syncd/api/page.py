"""The one page that people see who connect an account: what became of it, and where to go on."""

from __future__ import annotations

import html

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",  # the address holds a code
    "x-content-type-options": "nosniff",
}

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}</style>
<h1>{title}</h1>
{paragraphs}
</html>
"""


def page(title: str, *texts: str, back: str = "") -> str:
    """A page with a title and paragraphs; `back` is an address that a link leads to."""
    paragraphs = [f"<p>{html.escape(text)}</p>" for text in texts if text]
    if back:
        paragraphs.append(f'<p><a href="{html.escape(back)}">Go back</a></p>')
    return PAGE.format(title=html.escape(title), paragraphs="\n".join(paragraphs))
