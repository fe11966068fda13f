"""People's addresses made unreadable in what is recorded, without changing what is decided from it.

    address                     recorded as
    the booker's, a person's    `<token>@<domain>`: equal addresses stay equal, and every rule about domains still holds
    an owner's, a host's        as it is: the answer is one of them

Names of people are left out; no rule reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from syncd.model.crm import Evidence

from .candidates import unique_people
from .domains import normalized_email
from .trace import Request

Token = Callable[[str], str]
"""From a normalized address to what stands for its local part: the same for the same address, and for no other."""


def masked(request: Request, evidence: Evidence, token: Token) -> tuple[Request, Evidence]:
    """The request and its evidence without anybody's address but those of owners and hosts."""
    people = unique_people(evidence.people)  # among rows that contradict each other the address may decide
    people = tuple(replace(p, email=masked_email(p.email, token), name="") for p in people)
    return replace(request, email=masked_email(request.email, token)), replace(evidence, people=people)


def masked_email(email: str, token: Token) -> str:
    """The address with a token as its local part; one without a domain is only a token, and "" stays ""."""
    known = normalized_email(email)
    if not known:
        return ""
    local, at, domain = known.rpartition("@")
    return f"{token(known)}{at}{domain}" if local and at else token(known)
