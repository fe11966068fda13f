"""Countries and states as people, CRMs and geo headers write them, made comparable.

A country is its ISO 3166-1 alpha-2 code, whether written as alpha-2, alpha-3 or a name. A state is its ISO 3166-2 code
without the country, whether written as `TX`, `US-TX` or `Texas`. Names are compared without case, accents, punctuation
and the words `the`, `of` and `and`. What no table knows is compared as such a name, so two equal spellings still match.
A state means something in its country only: `WA` is Washington in US and Western Australia in AU.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

from .place_names import COUNTRIES, OTHER_NAMES, OTHER_SUBDIVISION_NAMES, SUBDIVISIONS

REMEMBERED = 16_384
"""Spellings kept: texts come from outside, so the memory for them is bounded."""

UNKNOWN_COUNTRIES = frozenset({"XX", "T1", "ZZ"})
"""What geo headers say when they do not know: Cloudflare's XX (none) and T1 (Tor), ISO's user-assigned ZZ."""

_SMALL_WORDS = frozenset({"the", "of", "and"})


@lru_cache(maxsize=REMEMBERED)
def folded(text: str) -> str:
    """A name without case, accents, punctuation and small words; "" if nothing is left."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else "" if c in ".'’" else " " for c in plain).split()
    kept = [w for w in words if w not in _SMALL_WORDS]
    return " ".join(kept or words)


@lru_cache(maxsize=REMEMBERED)
def country_code(text: str) -> str:
    """The alpha-2 code of a country; its folded name if no table knows it; "" if empty or said to be unknown."""
    if text.strip().upper() in UNKNOWN_COUNTRIES:
        return ""
    name = folded(text)
    return _countries().get(name, name)


@lru_cache(maxsize=REMEMBERED)
def state_code(text: str, country: str) -> str:
    """The ISO 3166-2 code (without country) of a state of `country` (alpha-2); its folded name if no table knows it."""
    name = folded(text)
    if country and name.startswith(f"{country.lower()} ") and "-" in text:
        name = name.partition(" ")[2]
    return _states().get(country, {}).get(name, name)


def state_name(code: str, country: str) -> str:
    """The folded ISO name of a state; "" if no table knows it."""
    return _state_names().get((country, code), "")


@cache
def _countries() -> dict[str, str]:
    known: dict[str, str] = {}
    for row in _rows(COUNTRIES):
        alpha2, alpha3, names = row.split(" ", 2)
        for name in (*names.split("|"), alpha2, alpha3):
            known[folded(name)] = alpha2
    for row in _rows(OTHER_NAMES):
        alpha2, names = row.split(" ", 1)
        for name in names.split("|"):
            known.setdefault(folded(name), alpha2)
    return known


@cache
def _states() -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    for country, code, names in (*_subdivisions(SUBDIVISIONS), *_subdivisions(OTHER_SUBDIVISION_NAMES)):
        of_country = known.setdefault(country, {})
        of_country[folded(code)] = code
        for name in names:
            of_country.setdefault(folded(name), code)
    return known


@cache
def _state_names() -> dict[tuple[str, str], str]:
    return {(country, code): folded(names[0]) for country, code, names in _subdivisions(SUBDIVISIONS)}


def _subdivisions(table: str) -> list[tuple[str, str, list[str]]]:
    found = []
    for block in table.split("@")[1:]:
        country, _, rows = block.partition("\n")
        for row in _rows(rows):
            code, names = row.split(" ", 1)
            found.append((country, code, names.split("|")))
    return found


def _rows(table: str) -> list[str]:
    return [" ".join(row.split()) for row in table.split(";") if row.strip()]
