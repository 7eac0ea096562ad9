# SPDX-License-Identifier: MIT
"""Names and addresses: what the resolver says, asked in a thread, and the order in which addresses are tried."""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from typing import Any

from .base import LoopPart
from .log import logger

# Family, type, protocol, canonical name, address: what socket.getaddrinfo gives.
AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

_PROTOCOLS: dict[int, int] = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}


def _port_number(port: Any) -> int | None:
    """None for the name of a service: only the resolver knows those."""
    if port is None or isinstance(port, str | bytes) and not port:
        return 0
    try:
        return int(port)
    except (TypeError, ValueError):
        return None


def _is_address(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def numeric_address(
    host: Any, port: Any, family: int, type: int, proto: int, flowinfo: int = 0, scope: int = 0
) -> AddressInfo | None:
    """What getaddrinfo would say of an IP address and a port number; None for anything that it has to look up."""
    number = _port_number(port)
    if host is None or number is None or type not in _PROTOCOLS:
        return None
    if proto not in (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return None
    name: str = host.decode("idna") if isinstance(host, bytes) else host
    if "%" in name:
        return None  # an IPv6 zone: inet_pton knows none
    if family in (socket.AF_UNSPEC, socket.AF_INET) and _is_address(socket.AF_INET, name):
        return socket.AF_INET, type, _PROTOCOLS[type], "", (name, number)
    if family in (socket.AF_UNSPEC, socket.AF_INET6) and _is_address(socket.AF_INET6, name):
        return socket.AF_INET6, type, _PROTOCOLS[type], "", (name, number, flowinfo, scope)
    return None


def interleave(infos: Sequence[AddressInfo], first: int) -> list[AddressInfo]:
    """The families in turn, after FIRST - 1 more of the family that comes first (RFC 8305)."""
    families: dict[int, list[AddressInfo]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    queues = list(families.values())
    more = max(first - 1, 0)
    ahead, queues[0] = queues[0][:more], queues[0][more:]
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*queues))
    return ahead + [info for info in in_turn if info is not None]


def bind_error(address: Any, error: OSError) -> OSError:
    """ERROR, in words that name the address that it is about."""
    return OSError(error.errno, f"error while attempting to bind on address {address!r}: {str(error).lower()}")


class Addresses(LoopPart):
    async def getaddrinfo(  # type: ignore[override]
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[AddressInfo]:
        """socket.getaddrinfo in a thread of the default executor."""
        ask: Any = self._getaddrinfo_logged if self.get_debug() else socket.getaddrinfo
        infos: list[AddressInfo] = await self.run_in_executor(None, ask, host, port, family, type, proto, flags)
        return infos

    def _getaddrinfo_logged(self, host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> Any:
        """Debug mode's: says what is asked, and how long it took."""
        optional = {"family": family, "type": type, "proto": proto, "flags": flags}
        words = [f"{host}:{port!r}", *(f"{name}={value!r}" for name, value in optional.items() if value)]
        question = ", ".join(words)
        logger().debug("Get address info %s", question)
        begin = self.time()
        infos = socket.getaddrinfo(host, port, family, type, proto, flags)
        seconds = self.time() - begin
        log = logger().info if seconds >= self.slow_callback_duration else logger().debug
        log(f"Getting address info {question} took {seconds * 1e3:.3f}ms: {infos!r}")
        return infos

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """socket.getnameinfo in a thread of the default executor."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)

    async def _ensure_resolved(
        self,
        address: Sequence[Any],
        *,
        family: int = 0,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        flags: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> list[AddressInfo]:
        """(host, port) as socket addresses; what is an IP address already needs no thread.

        An empty answer is the caller's matter. `loop` is asyncio's, another one's getaddrinfo may be meant.
        """
        host, port, *rest = address
        numeric = numeric_address(host, port, family, type, proto, *rest)
        if numeric is not None:
            return [numeric]
        resolver: Any = loop or self
        infos: list[AddressInfo] = await resolver.getaddrinfo(
            host, port, family=family, type=type, proto=proto, flags=flags
        )
        return infos
