"""Which network addresses a request may go to when somebody else chose the URL (feeds, webhook receivers).

An address is judged by what it reaches, not by how it is written: an IPv4 address wrapped in IPv6 (mapped, 6to4, NAT64)
is judged as the IPv4 address inside. The tables are ours because `ipaddress.is_global` differs between Python versions
and calls some of these public (3.11: `64:ff9b::7f00:1`, which is 127.0.0.1 behind NAT64, `2002:7f00:1::`, `224.0.0.1`).

Metadata services hand out the machine's own credentials. A rule that allows private networks in general therefore never
allows them: only a rule that names exactly the one address does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _v4(*networks: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(network) for network in networks)


def _v6(*networks: str) -> tuple[IPv6Network, ...]:
    return tuple(IPv6Network(network) for network in networks)


NOT_PUBLIC_V4 = _v4(
    "0.0.0.0/8",  # this network; 0.0.0.0 reaches this host
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays, withdrawn
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)
"""IPv4 that is not public (IANA special-purpose registry, RFC 6890 and its updates)."""

GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
"""All IPv6 that has been given out for public use lies in here."""

NOT_PUBLIC_V6 = _v6(
    "2001::/23",  # protocol assignments, with Teredo (2001::/32), benchmarks and ORCHID
    "2001:db8::/32",  # documentation
    "3fff::/20",  # documentation
)
"""IPv6 inside `GLOBAL_UNICAST_V6` that is not public."""

NAT64 = IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = IPv6Network("2002::/16")

METADATA_ADDRESSES = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS pod identity
        "fd20:ce::254",  # Google
        "168.63.129.16",  # Azure's wire server, in public address space
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
    )
)
"""Where clouds serve a machine's own credentials (each cloud's own documentation)."""

METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
"""Host names of metadata services; refused before they are resolved. Compare by `is_metadata_name`."""

PRIVATE_NETWORKS: tuple[Network, ...] = (
    *_v4("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    *_v6("::1/128", "fc00::/7"),
)
"""What "allow private addresses", said in general, means: loopback and private networks, not link-local."""


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped, 6to4 or NAT64 address leads to; any other address as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether `address` is on the public Internet, and no metadata service."""
    inner = unwrapped(address)
    if inner in METADATA_ADDRESSES:
        return False
    if isinstance(inner, IPv4Address):
        return not any(inner in network for network in NOT_PUBLIC_V4)
    return inner in GLOBAL_UNICAST_V6 and not any(inner in network for network in NOT_PUBLIC_V6)


def is_metadata_name(host: str) -> bool:
    """Whether `host` names a cloud's metadata service, in any case and with or without the final dot."""
    return host.rstrip(".").lower() in METADATA_NAMES


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Public addresses, and the networks of `allow` besides. `AddressPolicy()` allows public addresses only."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def of(cls, allow: bool | Iterable[Network | str]) -> AddressPolicy:
        """A policy from configuration: False is public only, True adds `PRIVATE_NETWORKS`, else these networks.

        Raises:
            ValueError: a text is not a network (such as `10.1.0.0/16`) or has host bits set.
        """
        if isinstance(allow, bool):
            return cls(PRIVATE_NETWORKS if allow else ())
        return cls(tuple(ip_network(network) for network in allow))

    def permits(self, address: Address) -> bool:
        """Whether a request may go to `address`. A metadata service must be allowed by its very address."""
        inner = unwrapped(address)
        if inner in METADATA_ADDRESSES:
            return any(inner in network and network.num_addresses == 1 for network in self.allow)
        return is_public(address) or any(address in network or inner in network for network in self.allow)
