"""Whom an organization's key may act for."""

from __future__ import annotations

import re

ALIAS = re.compile(r"\+[A-Za-z0-9]{25}(?=@)")
"""What a platform puts into the addresses of users it manages, so that they are unique; the mailbox has it not."""

DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+\Z")


def subject_of(email: str) -> str:
    """The mailbox of a user's e-mail: without the alias of a managed user."""
    return ALIAS.sub("", email.strip().casefold())


def domain_of(email: str) -> str:
    """What follows the @; "" where there is none."""
    return email.strip().casefold().rpartition("@")[2] if "@" in email else ""


def is_domain(text: str) -> bool:
    """Whether it is a domain's name, in small letters."""
    return DOMAIN.match(text) is not None
