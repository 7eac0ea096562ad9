# SPDX-License-Identifier: MIT
"""Connecting to a server: addresses are tried in turn, or raced (Happy Eyeballs, RFC 8305)."""

import asyncio
import functools
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from .addresses import AddressInfo, Addresses, bind_error, interleave as interleaved
from .log import logger
from .transports import Connection, ProtocolFactory, Transports, check_plain, check_timeouts, tls_of


def _bind(sock: socket.socket, family: int, local_infos: Sequence[AddressInfo], errors: list[OSError]) -> None:
    """Binds to the first local address that will do; what went wrong before is added to ERRORS."""
    failed: list[OSError] = []
    for local_family, _, _, _, address in local_infos:
        if local_family != family:
            continue
        try:
            sock.bind(address)
        except OSError as error:
            failed.append(bind_error(address, error))
        else:
            errors += failed
            return
    if not failed:
        raise OSError(f"no matching local address with {family=} found")
    last = failed.pop()
    errors += failed
    raise last


def _combined(errors: list[OSError], all_errors: bool) -> Exception:
    """The one exception that tells of all attempts."""
    if not errors:
        return TimeoutError("create_connection failed")
    if all_errors:
        return ExceptionGroup("create_connection failed", errors)
    texts = [str(error) for error in errors]
    if len(set(texts)) == 1:
        return errors[0]
    return OSError(f"Multiple exceptions: {', '.join(texts)}")


async def _race(
    attempts: Iterable[Callable[[], Coroutine[Any, Any, None]]], delay: float, won: asyncio.Future[None]
) -> None:
    """Begins an attempt when the one before has ended, or had DELAY seconds, until WON is done or nobody is left.

    None goes on afterwards.
    """
    tasks: list[asyncio.Task[None]] = []
    try:
        for attempt in attempts:
            tasks.append(asyncio.create_task(attempt()))
            await asyncio.wait([won, tasks[-1]], timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            if won.done():
                return
        unfinished = set(tasks)
        while unfinished and not won.done():
            finished, unfinished = await asyncio.wait(unfinished, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _close(socks: Sequence[socket.socket]) -> None:
    for sock in socks:
        sock.close()


class Connections(Addresses, Transports):
    async def create_connection(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> Connection:
        """Connects to a server, by name or on a socket that is connected; returns (transport, protocol).

        The addresses of host are tried one after the other, or with happy_eyeballs_delay each that many seconds after
        the one before, until one connects. If none does, the OSError of the only attempt is raised, or one that tells
        of all, or with all_errors an ExceptionGroup.
        """
        if server_hostname is not None and not ssl:
            raise ValueError("server_hostname is only meaningful with ssl")
        if server_hostname is None and ssl:
            # An empty one is what a program passes that wants no check.
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        check_timeouts(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)
        is_given = sock is not None
        if sock is not None:
            check_plain(sock)

        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            infos = await self._resolve((host, port), family, proto, flags)
            local_infos = None if local_addr is None else await self._resolve(local_addr, family, proto, flags)
            if interleave is None and happy_eyeballs_delay is not None:
                interleave = 1
            if interleave:
                infos = interleaved(infos, interleave)
            sock = await self._connect(infos, local_infos, happy_eyeballs_delay, all_errors)
        elif sock is None:
            raise ValueError("host and port was not specified and no sock specified")
        elif sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")

        tls = tls_of(ssl, False, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        transport, protocol = await self._open(sock, protocol_factory, tls, is_given=is_given)
        if self.get_debug():
            logger().debug(
                "%r connected to %s:%r: (%r, %r)", transport.get_extra_info("socket"), host, port, transport, protocol
            )
        return transport, protocol

    async def connect_accepted_socket(
        self,
        protocol_factory: ProtocolFactory,
        sock: socket.socket,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Connection:
        """Takes over a connection that was accepted outside of the loop; returns (transport, protocol)."""
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        check_timeouts(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)
        check_plain(sock)
        tls = tls_of(ssl, True, "", ssl_handshake_timeout, ssl_shutdown_timeout)
        transport, protocol = await self._open(sock, protocol_factory, tls, is_given=True)
        if self.get_debug():
            logger().debug("%r handled: (%r, %r)", transport.get_extra_info("socket"), transport, protocol)
        return transport, protocol

    # ---- one socket out of many addresses ----

    async def _resolve(self, address: Sequence[Any], family: int, proto: int, flags: int) -> list[AddressInfo]:
        infos = await self._ensure_resolved(
            address, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags, loop=self
        )
        if not infos:
            raise OSError("getaddrinfo() returned empty list")
        return infos

    async def _connect(
        self,
        infos: Sequence[AddressInfo],
        local_infos: Sequence[AddressInfo] | None,
        delay: float | None,
        all_errors: bool,
    ) -> socket.socket:
        """A socket connected to one of the addresses."""
        errors: list[OSError] = []
        try:
            if delay is None:
                sock = await self._connect_in_turn(infos, local_infos, errors)
            else:
                sock = await self._connect_in_race(infos, local_infos, errors, delay)
            if sock is None:
                raise _combined(errors, all_errors)
            return sock
        finally:
            # Their tracebacks refer to frames that refer to the list.
            errors.clear()

    async def _connect_in_turn(
        self, infos: Sequence[AddressInfo], local_infos: Sequence[AddressInfo] | None, errors: list[OSError]
    ) -> socket.socket | None:
        for info in infos:
            sock = await self._connect_to(info, local_infos, errors)
            if sock is not None:
                return sock
        return None

    async def _connect_in_race(
        self,
        infos: Sequence[AddressInfo],
        local_infos: Sequence[AddressInfo] | None,
        errors: list[OSError],
        delay: float,
    ) -> socket.socket | None:
        """The next address is tried when the one before failed, or had DELAY seconds."""
        connected: list[socket.socket] = []
        won: asyncio.Future[None] = self.create_future()

        async def attempt(info: AddressInfo) -> None:
            sock = await self._connect_to(info, local_infos, errors)
            if sock is not None:
                connected.append(sock)
                if not won.done():
                    won.set_result(None)

        try:
            await _race([functools.partial(attempt, info) for info in infos], delay, won)
        except BaseException:
            _close(connected)
            raise
        _close(connected[1:])
        return connected[0] if connected else None

    async def _connect_to(
        self, info: AddressInfo, local_infos: Sequence[AddressInfo] | None, errors: list[OSError]
    ) -> socket.socket | None:
        """A socket connected to one address; None if that failed, ERRORS tells why then."""
        family, type, proto, _, address = info
        sock = None
        try:
            sock = socket.socket(family, type, proto)
            sock.setblocking(False)
            if local_infos is not None:
                _bind(sock, family, local_infos, errors)
            await self.sock_connect(sock, address)
            return sock
        except BaseException as error:
            if sock is not None:
                sock.close()
            if not isinstance(error, OSError):
                raise
            errors.append(error)
            return None
