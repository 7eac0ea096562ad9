# SPDX-License-Identifier: MIT
"""A transport for a connected socket: plain, or with TLS on top."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _core
from .base import LoopPart

try:
    import ssl
except ImportError:  # an interpreter without OpenSSL
    ssl = None  # type: ignore[assignment]

ProtocolFactory = Callable[[], asyncio.BaseProtocol]
Connection = tuple[Any, Any]  # transport and protocol, of the types that the program knows


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection speaks TLS. No context: a client's default one. The timeouts are in seconds, None for asyncio's."""

    context: ssl.SSLContext | None
    server_side: bool = False
    server_hostname: str | None = None
    handshake_timeout: float | None = None
    shutdown_timeout: float | None = None


def tls_of(
    wanted: Any,
    server_side: bool,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> Tls | None:
    """What a program's argument `ssl` means: nothing, True for the default context, or a context."""
    if not wanted:
        return None
    return Tls(None if wanted is True else wanted, server_side, server_hostname, handshake_timeout, shutdown_timeout)


def check_timeouts(has_tls: bool, handshake: float | None, shutdown: float | None) -> None:
    """Refuses timeouts for what does not happen."""
    if handshake is not None and not has_tls:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown is not None and not has_tls:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def check_plain(sock: socket.socket) -> None:
    """Refuses sockets that do TLS themselves."""
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")


def make_tls_protocol(
    loop: LoopPart, protocol: Any, tls: Tls, waiter: asyncio.Future[None] | None, *, call_connection_made: bool = True
) -> Any:
    """What stands between a plain transport and a program's protocol. WAITER learns the handshake's outcome."""
    return _core.TlsProtocol(
        loop,
        protocol,
        tls.context,
        waiter,
        tls.server_side,
        tls.server_hostname,
        call_connection_made,
        tls.handshake_timeout,
        tls.shutdown_timeout,
    )


class Transports(LoopPart):
    def _make_transport(
        self, sock: socket.socket, protocol: Any, tls: Tls | None, waiter: asyncio.Future[None] | None, server: Any
    ) -> Any:
        """The transport of a connected, non-blocking socket, which it owns from now on.

        WAITER is done as soon as the protocol is connected, after a TLS handshake that is.
        """
        if tls is None:
            return _core.StreamTransport(self, sock, protocol, waiter, None, server)
        below = make_tls_protocol(self, protocol, tls, waiter)
        _core.StreamTransport(self, sock, below, None, None, server)
        return below._app_transport

    async def _open(
        self, sock: socket.socket, protocol_factory: ProtocolFactory, tls: Tls | None, *, is_given: bool
    ) -> Connection:
        """A transport and its protocol, connected.

        If there can be no transport, the socket is closed; before Python 3.14 not one that IS_GIVEN by the program.
        """
        try:
            sock.setblocking(False)
            protocol = protocol_factory()
            waiter: asyncio.Future[None] = self.create_future()
            transport = self._make_transport(sock, protocol, tls, waiter, None)
        except BaseException:
            if not is_given or sys.version_info >= (3, 14):
                sock.close()
            raise
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        finally:
            # A failed future keeps its exception, whose traceback would keep the future.
            del waiter
        return transport, protocol
