"""E-mails, websites and base domains, made comparable."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.rules.routing import base_domain, domains, email_domain, is_free_mail, website_domain
from syncd.rules.routing.domains import idna_text, no_fuzzy_reason, no_match_reason, spellings


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("bea@acme.com", "acme.com"),
        ("  Bea@ACME.Com ", "acme.com"),
        ("bea@eu.acme.com", "eu.acme.com"),
        ('"a@b"@acme.com', "acme.com"),
        ("bea@acme.com.", "acme.com"),
        ("bea@münchen.de", "xn--mnchen-3ya.de"),
        ("bea@xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("bea@пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("bea", ""),
        ("@acme.com", ""),
        ("bea@", ""),
        ("bea@ac me.com", ""),
        ("bea@acme..com", ""),
        ("bea@-acme.com", ""),
        ("", ""),
    ],
)
def test_the_domain_of_an_email(email: str, domain: str) -> None:
    assert email_domain(email) == domain


@pytest.mark.parametrize(
    "website",
    [
        "acme.com",
        "ACME.com",
        " acme.com ",
        "www.acme.com",
        "http://acme.com",
        "https://www.acme.com/",
        "HTTPS://WWW.ACME.COM/about?x=1#y",
        "http://https://acme.com",
        "//acme.com/x",
        "acme.com:8080",
        "acme.com.",
        "acme.com?from=ad",
        "acme.com#top",
        "https://user:pw@acme.com/",
        r"acme.com\x",
    ],
)
def test_a_website_is_its_domain_however_it_is_written(website: str) -> None:
    assert website_domain(website) == "acme.com"


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("partners.acme.com", "partners.acme.com"),
        ("www.www.acme.com", "www.acme.com"),
        ("1acme.com", "1acme.com"),
        ("https://münchen.de/", "xn--mnchen-3ya.de"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", ""),
        ("https://", ""),
        ("not a website", ""),
    ],
)
def test_a_website_keeps_what_distinguishes_it(website: str, domain: str) -> None:
    assert website_domain(website) == domain


@given(st.text(max_size=40))
def test_any_text_is_read_without_failing_and_reading_twice_changes_nothing(text: str) -> None:
    once = website_domain(text)
    assert once.isascii()
    assert website_domain(once.removeprefix("www.")) == once.removeprefix("www.").removeprefix("www.")
    assert email_domain(f"x@{text}").isascii()


def test_every_spelling_is_a_website_on_the_domain() -> None:
    assert {website_domain(spelling) for spelling in spellings("acme.com")} == {"acme.com"}
    assert len(set(spellings("acme.com"))) == 12


@pytest.mark.parametrize(
    ("domain", "base"),
    [
        ("acme.com", "acme"),
        ("acme.co.uk", "acme"),
        ("app.eu.acme.com.au", "acme"),
        ("123.com", "123"),
        ("acme-corp.com", "acme-corp"),
        ("macmedia.com", "macmedia"),
        ("co.uk", ""),
        ("com", ""),
        ("localhost", ""),
        ("10.0.0.1", ""),
        ("acme.unknownsuffix", ""),
        ("", ""),
    ],
)
def test_the_base_domain_is_the_label_before_the_public_suffix(domain: str, base: str) -> None:
    assert base_domain(domain) == base


@pytest.mark.parametrize(
    ("domain", "base"),
    [
        ("acme.co.uk", "acme"),
        ("shop.acme.com.au", "acme"),
        ("acme.github.io", "github"),
        ("acme.blogspot.com", "blogspot"),
        ("acme.xn--p1ai", "acme"),
        ("www.ck", "www"),
        ("acme.nosuchtld", ""),
    ],
)
def test_only_icann_suffixes_of_the_real_list_count(real_suffixes: None, domain: str, base: str) -> None:
    assert base_domain(domain) == base


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "googlemail.com", "outlook.com", "yahoo.co.uk", "hotmail.de", "proton.me", "web.de", "qq.com"],
)
def test_free_mail_is_known_under_every_suffix(domain: str) -> None:
    assert is_free_mail(domain)
    assert "free-mail" in no_match_reason(domain)


@pytest.mark.parametrize("domain", ["acme.com", "notgmail.com", "gmail.acme.com", "yahoo-inc.com"])
def test_a_company_is_no_free_mail(domain: str) -> None:
    assert not is_free_mail(domain)
    assert no_match_reason(domain) == ""


@pytest.mark.parametrize("domain", ["acme.github.io", "acme.myshopify.com", "github.io", "acme.onmicrosoft.com"])
def test_a_hosting_domain_and_what_is_below_it_is_never_matched(domain: str) -> None:
    assert "hosting" in no_match_reason(domain)


@pytest.mark.parametrize("domain", ["", "localhost", "10.0.0.1"])
def test_what_is_no_public_domain_is_never_matched(domain: str) -> None:
    assert no_match_reason(domain)


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("hp.com", "shorter than 3"),
        ("ab.co.uk", "shorter than 3"),
        ("mail.de", "generic"),
        ("group.com", "generic"),
        ("info.co.uk", "generic"),
        ("yahoo.de", "free-mail"),
        ("acme.unknownsuffix", "no base domain"),
    ],
)
def test_a_base_domain_that_names_no_company_is_not_compared(domain: str, reason: str) -> None:
    assert reason in no_fuzzy_reason(domain)


@pytest.mark.parametrize("domain", ["acme.com", "ibm.com", "sub.acme.co.uk"])
def test_a_base_domain_of_three_letters_is_compared(domain: str) -> None:
    assert no_fuzzy_reason(domain) == ""


def test_the_length_of_an_international_label_is_counted_in_its_own_letters() -> None:
    assert "shorter than 3" in no_fuzzy_reason(email_domain("x@öö.de"))
    assert no_fuzzy_reason(email_domain("x@möö.de")) == ""


def test_without_a_suffix_list_nothing_is_compared_and_the_reason_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domains, "suffix_list", lambda: None)
    assert "publicsuffixlist" in no_fuzzy_reason("acme.com")
    assert base_domain("acme.com") == ""


def test_the_suffix_list_is_the_librarys_icann_part_and_knows_no_other_suffix(
    genuine_suffix_list: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, bool]] = []

    def suffix_list(**settings: bool) -> str:
        made.append(settings)
        return "the list"

    monkeypatch.setitem(sys.modules, "publicsuffixlist", SimpleNamespace(PublicSuffixList=suffix_list))
    assert genuine_suffix_list() == "the list"
    assert made == [{"only_icann": True, "accept_unknown": False}]


def test_a_library_that_is_not_installed_gives_no_suffix_list(
    genuine_suffix_list: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    assert genuine_suffix_list() is None


def test_a_label_that_is_no_punycode_is_shown_as_it_is() -> None:
    assert idna_text("xn--mnchen-3ya") == "münchen"
    assert idna_text("xn--") == "xn--"
