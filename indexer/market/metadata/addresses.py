"""Which addresses on the network a stranger may make us call: public ones.

A name is resolved once a hop, every address it has is judged, and the connection is made to one of
those that were judged: what the name says afterwards does not matter.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from indexer.market.metadata.errors import Unacceptable, Unreachable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Addresses of a name, as text. Raises OSError."""

PORTS = (80, 443)
"""Others would make us knock at strangers' doors."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def networks_of(text: str) -> tuple[Network, ...]:
    """Of a comma-separated list."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


class Guard:
    """Says which addresses may be called: public ones, and those of `private`."""

    def __init__(self, private: Sequence[Network] = ()) -> None:
        self._private = tuple(private)

    def is_excepted(self, text: str) -> bool:
        """Whether the settings allow an address that is not public."""
        address = _plain(text)
        return any(address in network for network in self._private)

    def require(self, text: str, port: int) -> None:
        """Raises Unacceptable for an address that may not be called, or not at that port."""
        if self.is_excepted(text):
            return
        if not is_public(text):
            raise Unacceptable("the address is not a public one")
        if port not in PORTS:
            raise Unacceptable("the address has an unusual port")


def is_public(text: str) -> bool:
    """Whether an address belongs to the internet, and not by way of a tunnel to something else."""
    address = _plain(text)
    if isinstance(address, ipaddress.IPv6Address) and (
        address.sixtofour is not None or address.teredo is not None or address in _NAT64
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _plain(text: str) -> Address:
    """An IPv4 address that is written as IPv6 is what it is. Raises Unacceptable for no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Unacceptable("that is no address") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise Unacceptable("the address is not a public one")
        return address.ipv4_mapped or address
    return address


async def system_lookup(name: str) -> Sequence[str]:
    """As this machine resolves names."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class GuardedResolver(AbstractResolver):
    """Gives a client nothing but addresses that may be called."""

    def __init__(self, guard: Guard, lookup: Lookup = system_lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - whichever there is
    ) -> list[ResolveResult]:
        """Every address of `host`. Raises Unacceptable if one of them may not be called."""
        try:
            found = list(dict.fromkeys(await self._lookup(host)))
        except (OSError, UnicodeError) as error:
            raise Unreachable("the name is not known", reason=type(error).__name__) from None
        for address in found:
            self._guard.require(address, port)
        return [_result(host, address, port) for address in found]

    async def close(self) -> None:
        """Nothing is open."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )
