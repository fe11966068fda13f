"""Whose request it is: what a trusted proxy says, line by line, and nothing that its caller could have written."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.requests import Request

from syncd.api.sources import SourceLimit, client_address

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def address(*lines: str, peer: str = PROXY) -> str:
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    return client_address(Request({"type": "http", "client": (peer, 1), "headers": headers}), TRUSTED)


@pytest.mark.parametrize(
    "lines",
    [
        ("6.6.6.6, 203.0.113.9",),
        ("6.6.6.6", "203.0.113.9"),
        ("6.6.6.6", "203.0.113.9, 10.0.0.2"),
        ("6.6.6.6", "203.0.113.9", "10.0.0.2"),
        ("not an address", "203.0.113.9"),
    ],
)
def test_the_last_address_that_is_no_proxy_counts_over_all_lines(lines: tuple[str, ...]) -> None:
    assert address(*lines) == "203.0.113.9"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.9, [::1]:4711", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.2:80", "203.0.113.9"),
    ],
)
def test_a_port_is_no_part_of_the_address(told: str, expected: str) -> None:
    assert address(told) == expected


@pytest.mark.parametrize("told", ["", " , ", "unknown", "203.0.113.9, _hidden", "203.0.113.9, 10.0.0.2:80:90", "[::1"])
def test_what_is_no_address_is_not_believed(told: str) -> None:
    assert address(told) == PROXY


def test_only_a_trusted_peer_is_asked() -> None:
    assert address("203.0.113.9", peer="198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "192.0.2.2", False),
    ],
)
def test_a_limit_holds_for_a_whole_ipv6_network(one: str, other: str, together: bool) -> None:
    limit = SourceLimit(1, now=lambda: 0.0)
    assert limit.take(one) == 0.0
    assert (limit.spent(other) > 0, limit.take(other) > 0) == (together, together)
