"""Countries and states, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.rules.routing import country_code, state_code
from syncd.rules.routing.places import _countries, folded


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("US", "US"),
        ("us ", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("the united states of america", "US"),
        ("UK", "GB"),
        ("GBR", "GB"),
        ("Great Britain", "GB"),
        ("Deutschland", "DE"),
        ("Côte d'Ivoire", "CI"),
        ("Cote d’Ivoire", "CI"),
        ("Korea, Republic of", "KR"),
        ("South Korea", "KR"),
        ("Czech Republic", "CZ"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("AND", "AD"),
        ("", ""),
        ("  ", ""),
        ("XX", ""),
        ("T1", ""),
        ("Narnia", "narnia"),
        ("NARNIA!", "narnia"),
    ],
)
def test_a_country_is_its_alpha_2_code(text: str, code: str) -> None:
    assert country_code(text) == code


def test_every_country_has_three_spellings_and_each_names_one_country() -> None:
    codes = set(_countries().values())
    assert len(codes) == 249
    assert all(country_code(code) == code for code in codes)


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        ("TX", "US", "TX"),
        ("US-TX", "US", "TX"),
        ("Texas", "US", "TX"),
        ("texas ", "US", "TX"),
        ("Washington", "US", "WA"),
        ("Washington, D.C.", "US", "DC"),
        ("Western Australia", "AU", "WA"),
        ("Québec", "CA", "QC"),
        ("Quebec", "CA", "QC"),
        ("CA", "CA", "ca"),
        ("Bavaria", "DE", "BY"),
        ("Bayern", "DE", "BY"),
        ("Tokyo", "JP", "13"),
        ("England", "GB", "ENG"),
        ("Wales", "GB", "WLS"),
        ("Odisha", "IN", "OR"),
        ("Kärnten", "AT", "2"),
        ("Baden-Württemberg", "DE", "BW"),
        ("US Virgin Islands", "US", "us virgin islands"),
        ("Nowhere", "US", "nowhere"),
        ("Texas", "", "texas"),
        ("", "US", ""),
    ],
)
def test_a_state_is_its_code_within_its_country(text: str, country: str, code: str) -> None:
    assert state_code(text, country) == code


@given(st.text(max_size=20), st.sampled_from(["", "US", "DE"]))
def test_case_and_surrounding_blanks_never_matter(text: str, country: str) -> None:
    assert country_code(f" {text} ") == country_code(text)
    assert state_code(f" {text} ", country) == state_code(text, country)
    assert folded(folded(text)) == folded(text)
