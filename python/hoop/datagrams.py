# SPDX-License-Identifier: MIT
"""create_datagram_endpoint: a socket for datagrams, bound and connected as asked for, and its transport."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

from . import _core
from .addresses import Addresses
from .log import logger
from .sockets import Address, SocketOperations
from .unix_sockets import remove_stale

# What a socket is made for: family, protocol, local address and remote address.
_Plan = tuple[int, int, Address, Address]


def _check_socket(sock: socket.socket, options: dict[str, Any]) -> None:
    """SOCK is the program's, and must do for datagrams as it is."""
    if sys.version_info >= (3, 13):
        if sock.type == socket.SOCK_STREAM:
            raise ValueError(f"A datagram socket was expected, got {sock!r}")
    elif sock.type != socket.SOCK_DGRAM:
        raise ValueError(f"A UDP Socket was expected, got {sock!r}")
    problems = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if problems:
        raise ValueError(f"socket modifier keyword arguments can not be used when sock is specified. ({problems})")


def _set_reuse_port(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        message = "reuse_port not supported by socket module, SO_REUSEPORT defined but not implemented."
        raise ValueError(message) from None


def _unix_plan(family: int, proto: int, local: Any, remote: Any) -> _Plan:
    for address in (local, remote):
        if address is not None and not isinstance(address, str):
            raise TypeError("string is expected")
    if local and local[0] != "\0":
        remove_stale(local)
    return family, proto, local, remote


class _InternetPlans(Addresses):
    async def _datagram_plans(self, local: Any, remote: Any, family: int, proto: int, flags: int) -> list[_Plan]:
        """One for each family and protocol that all given addresses have."""
        addresses: dict[tuple[int, int], list[Address]] = {}
        for index, given in enumerate((local, remote)):
            if given is None:
                continue
            if not (isinstance(given, tuple) and len(given) == 2):
                raise TypeError("2-tuple is expected")
            infos = await self._ensure_resolved(
                given, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags, loop=self
            )
            if not infos:
                raise OSError("getaddrinfo() returned empty list")
            for info_family, _, info_proto, _, address in infos:
                addresses.setdefault((info_family, info_proto), [None, None])[index] = address
        plans = [
            (*key, pair[0], pair[1])
            for key, pair in addresses.items()
            if not (local and pair[0] is None) and not (remote and pair[1] is None)
        ]
        if not plans:
            raise ValueError("can not get address information")
        return plans


class Datagrams(_InternetPlans, SocketOperations):
    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket.socket | None = None,
    ) -> tuple[Any, Any]:
        """A transport and a protocol for datagrams.

        local_addr and remote_addr are (host, port), or paths with family AF_UNIX: where the socket is bound, and what
        it is connected to. sock is a socket of the program's instead of all that.
        """
        if sock is not None:
            options = {
                "local_addr": local_addr,
                "remote_addr": remote_addr,
                "family": family,
                "proto": proto,
                "flags": flags,
                "reuse_port": reuse_port,
                "allow_broadcast": allow_broadcast,
            }
            _check_socket(sock, options)
            sock.setblocking(False)
            return await self._open_datagrams(sock, protocol_factory(), None)
        if not (local_addr or remote_addr):
            if family == 0:
                raise ValueError("unexpected address family")
            plans: list[_Plan] = [(family, proto, None, None)]
        elif family == socket.AF_UNIX:
            plans = [_unix_plan(family, proto, local_addr, remote_addr)]
        else:
            plans = await self._datagram_plans(local_addr, remote_addr, family, proto, flags)
        made, remote = await self._first_datagram_socket(plans, bool(reuse_port), bool(allow_broadcast))
        try:
            protocol = protocol_factory()
        except BaseException:
            made.close()
            raise
        opened = await self._open_datagrams(made, protocol, remote)
        if self.get_debug():
            message = "Datagram endpoint local_addr=%r remote_addr=%r created: %r"
            logger().debug(message, local_addr, remote_addr, opened)
        return opened

    async def _first_datagram_socket(
        self, plans: list[_Plan], reuse_port: bool, allow_broadcast: bool
    ) -> tuple[socket.socket, Address]:
        """The first that can be made, and where it is to send; the error of the first plan if none can."""
        errors: list[OSError] = []
        for plan in plans:
            try:
                return await self._make_datagram_socket(plan, reuse_port, allow_broadcast)
            except OSError as error:
                errors.append(error)
        try:
            raise errors[0]
        finally:
            errors.clear()

    async def _make_datagram_socket(
        self, plan: _Plan, reuse_port: bool, allow_broadcast: bool
    ) -> tuple[socket.socket, Address]:
        family, proto, local, remote = plan
        sock = socket.socket(family=family, type=socket.SOCK_DGRAM, proto=proto)
        try:
            if reuse_port:
                _set_reuse_port(sock)
            if allow_broadcast:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setblocking(False)
            if local:
                sock.bind(local)
            # Who sends to a broadcast address gets answers from others: not connected.
            if remote and not allow_broadcast:
                await self.sock_connect(sock, remote)
        except BaseException:
            sock.close()
            raise
        return sock, remote

    async def _open_datagrams(self, sock: socket.socket, protocol: Any, remote: Address) -> tuple[Any, Any]:
        waiter: asyncio.Future[None] = self.create_future()
        transport = _core.DatagramTransport(self, sock, protocol, remote, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol
