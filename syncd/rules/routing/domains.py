"""E-mail domains and websites, made comparable.

    e-mail          text after the last "@", lower-case ASCII: an international name becomes punycode
    website         scheme, credentials, one leading "www.", port, path, query, fragment and trailing dot removed
    base domain     the label before the public suffix: `acme` of `acme.co.uk` and of `app.acme.com`. Only the ICANN
                    part of the Public Suffix List counts, so `acme.github.io` is `github`, which `HOSTING` then refuses

What cannot be read is "", which matches nothing.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from ipaddress import ip_address
from typing import Protocol

import idna

from .domain_lists import FREE_MAIL, FREE_MAIL_LABELS, GENERIC_LABELS, HOSTING

SHORTEST_BASE = 3
"""Characters a base domain needs: `hp.com` and `hp.de` need not be one company."""

_SCHEMES = re.compile(r"^(?:[a-z][a-z0-9+.-]*:/{1,2})+|^//")
_PORT = re.compile(r":\d*$")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class SuffixList(Protocol):
    """The part of a Public Suffix List library used here."""

    def privatesuffix(self, domain: str) -> str | None:
        """The public suffix and one label before it; None if the domain has no such label."""


@cache
def suffix_list() -> SuffixList | None:
    """The Public Suffix List, ICANN section; None where the library `publicsuffixlist` is not installed."""
    try:
        library = importlib.import_module("publicsuffixlist")
    except ImportError:
        return None
    found: SuffixList = library.PublicSuffixList(only_icann=True, accept_unknown=False)
    return found


def normalized_email(email: str) -> str:
    """The e-mail as it is compared: trimmed, casefolded."""
    return email.strip().casefold()


def email_domain(email: str) -> str:
    """The domain of an e-mail in lower-case ASCII; "" if there is none."""
    local, at, domain = email.strip().rpartition("@")
    return _ascii(domain) if at and local else ""


def bare_domain(website: str) -> str:
    """A website that is written as nothing but a domain, in lower-case ASCII; "" if it is written otherwise."""
    return _ascii(website)


def website_domain(website: str) -> str:
    """The host of a website as typed into a CRM, without `www.`; "" if there is none."""
    text = _SCHEMES.sub("", website.strip().lower())
    host = re.split(r"[/?#\\]", text, maxsplit=1)[0].rpartition("@")[2]
    return _ascii(_PORT.sub("", host)).removeprefix("www.")


def spellings(domain: str) -> tuple[str, ...]:
    """The websites an index finds by equality: with and without scheme, `www.` and a trailing slash."""
    hosts = (domain, f"www.{domain}")
    plain = (*hosts, *(f"{scheme}://{host}" for scheme in ("https", "http") for host in hosts))
    return (*plain, *(f"{website}/" for website in plain))


def base_domain(domain: str) -> str:
    """The label before the public suffix; "" for addresses, single labels and unknown suffixes."""
    return _registrable(domain).partition(".")[0]


def no_match_reason(domain: str) -> str:
    """Why a domain is never matched to an account; "" if it may be."""
    if not domain:
        return "the e-mail has no readable domain"
    if "." not in domain or _is_address(domain):
        return f"{domain} is no public domain"
    if is_free_mail(domain):
        return f"{domain} is a free-mail domain"
    if _listed(domain, HOSTING):
        return f"{domain} is a hosting domain"
    return ""


def no_fuzzy_reason(domain: str) -> str:
    """Why a domain has no cross-TLD match; "" if its base domain may be compared."""
    if suffix_list() is None:
        return "no Public Suffix List is installed (publicsuffixlist)"
    label = base_domain(domain)
    if not label:
        return f"{domain} has no base domain"
    if len(idna_text(label)) < SHORTEST_BASE:
        return f"{label} is shorter than {SHORTEST_BASE} characters"
    if label in GENERIC_LABELS:
        return f"{label} is a generic word"
    return no_match_reason(domain)


def is_free_mail(domain: str) -> bool:
    """Whether anybody can have a mailbox there, subdomains included."""
    return _listed(domain, FREE_MAIL) or base_domain(domain) in FREE_MAIL_LABELS


def idna_text(label: str) -> str:
    """A label as people write it: punycode undone where it can be."""
    try:
        return idna.decode(label) if label.startswith("xn--") else label
    except idna.IDNAError:
        return label


def _listed(domain: str, listed: frozenset[str]) -> bool:
    labels = domain.split(".")
    return any(".".join(labels[i:]) in listed for i in range(len(labels) - 1))


def _registrable(domain: str) -> str:
    known = suffix_list()
    if known is None or not domain or _is_address(domain):
        return ""
    return known.privatesuffix(domain) or ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _ascii(host: str) -> str:
    """A host in lower-case ASCII; "" if it is none. Underscores pass: they occur in DNS, though not in IDNA."""
    host = host.strip().lower().removesuffix(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    labels = host.split(".")
    return host if len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels) else ""
