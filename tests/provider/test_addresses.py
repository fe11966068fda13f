"""What counts as public, address by address, and what configuration can allow."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from syncd.provider.addresses import (
    METADATA_ADDRESSES,
    Address,
    AddressPolicy,
    is_metadata_name,
    is_public,
    unwrapped,
)

PUBLIC = {
    "8.8.8.8": "plain IPv4",
    "100.63.255.255": "just below carrier-grade NAT",
    "100.128.0.0": "just above carrier-grade NAT",
    "172.15.255.255": "just below 172.16/12",
    "172.32.0.0": "just above 172.16/12",
    "223.255.255.255": "just below multicast",
    "2606:4700::1111": "plain IPv6",
    "2a00:1450:4001::5": "plain IPv6",
    "2001:200::1": "just above the protocol assignments",
    "64:ff9b::808:808": "NAT64 to 8.8.8.8",
    "2002:808:808::1": "6to4 of 8.8.8.8",
    "::ffff:8.8.8.8": "IPv4-mapped 8.8.8.8",
}

NOT_PUBLIC = {
    "0.0.0.0": "this host",
    "10.0.0.1": "private",
    "100.64.0.1": "carrier-grade NAT",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback, far end",
    "169.254.1.1": "link-local",
    "169.254.169.254": "metadata",
    "168.63.129.16": "Azure's wire server, in public space",
    "100.100.100.200": "Alibaba metadata",
    "172.16.0.1": "private",
    "172.31.255.255": "private, far end",
    "192.0.0.192": "Oracle metadata",
    "192.0.2.1": "documentation",
    "192.168.1.1": "private",
    "198.19.0.1": "benchmarks",
    "203.0.113.5": "documentation",
    "224.0.0.1": "multicast, which Python 3.11 calls global",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::7f00:1": "IPv4-compatible loopback, withdrawn form",
    "::ffff:127.0.0.1": "mapped loopback",
    "::ffff:169.254.169.254": "mapped metadata",
    "64:ff9b::7f00:1": "NAT64 to loopback, which Python 3.11 calls global",
    "64:ff9b::a9fe:a9fe": "NAT64 to metadata",
    "64:ff9b:1::808:808": "NAT64 of a local network",
    "2002:7f00:1::": "6to4 of loopback, which Python 3.11 calls global",
    "2002:a00:1::1": "6to4 of 10.0.0.1",
    "2001:0:53aa:64c:0:7fff:80ff:fffe": "Teredo",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "fc00::1": "unique local",
    "fd00:ec2::254": "AWS metadata",
    "fd20:ce::254": "Google metadata",
    "fe80::1": "link-local",
    "fec0::1": "site-local, withdrawn",
    "ff02::1": "multicast",
    "5f00::1": "segment routing",
}


@pytest.mark.parametrize("text", PUBLIC, ids=lambda text: f"{text} {PUBLIC[text]}")
def test_a_public_address_is_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert AddressPolicy().permits(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC, ids=lambda text: f"{text} {NOT_PUBLIC[text]}")
def test_every_special_address_is_refused_however_it_is_wrapped(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not AddressPolicy().permits(ip_address(text))


@pytest.mark.parametrize("wrapped", ["::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::9"])
def test_a_wrapped_address_is_judged_as_the_address_inside(wrapped: str) -> None:
    assert unwrapped(ip_address(wrapped)) == ip_address("10.1.2.3")
    assert AddressPolicy.of(["10.1.0.0/16"]).permits(ip_address(wrapped))
    assert not AddressPolicy.of(["10.2.0.0/16"]).permits(ip_address(wrapped))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.9.8.7", "192.168.0.10", "::1", "fd12::1", "8.8.8.8"])
def test_allowing_private_addresses_adds_loopback_and_private_networks(text: str) -> None:
    assert AddressPolicy.of(True).permits(ip_address(text))


@pytest.mark.parametrize("text", ["169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0"])
def test_allowing_private_addresses_does_not_add_link_local_or_multicast(text: str) -> None:
    assert not AddressPolicy.of(True).permits(ip_address(text))


@pytest.mark.parametrize("address", sorted(METADATA_ADDRESSES, key=str), ids=str)
def test_a_metadata_service_is_allowed_only_by_its_very_address(address: Address) -> None:
    everything = AddressPolicy.of(["0.0.0.0/0", "::/0"])
    assert not everything.permits(address)
    assert not AddressPolicy.of(True).permits(address)
    assert AddressPolicy.of([str(address)]).permits(address)


def test_a_network_that_is_none_is_refused_when_the_policy_is_made() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        AddressPolicy.of(["10.0.0.1/8"])


@pytest.mark.parametrize("name", ["metadata.google.internal", "METADATA.google.internal.", "metadata", "instance-data"])
def test_metadata_names_are_known_in_any_spelling(name: str) -> None:
    assert is_metadata_name(name)
    assert not is_metadata_name("calendar.google.com")
