# SPDX-License-Identifier: MIT
"""A transport for a connected socket: plain, or with TLS on top."""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _core
from .base import LoopPart

ProtocolFactory = Callable[[], asyncio.BaseProtocol]
Connection = tuple[Any, Any]  # transport and protocol, of the types that the program knows


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection speaks TLS. The timeouts are in seconds, None for asyncio's own."""

    context: ssl.SSLContext
    server_side: bool = False
    server_hostname: str | None = None
    handshake_timeout: float | None = None
    shutdown_timeout: float | None = None


def check_timeouts(has_tls: bool, handshake: float | None, shutdown: float | None) -> None:
    """Refuses timeouts for what does not happen."""
    if handshake is not None and not has_tls:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown is not None and not has_tls:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def check_plain(sock: socket.socket) -> None:
    """Refuses sockets that do TLS themselves."""
    if isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")


def client_context(wanted: Any, server_hostname: str | None) -> ssl.SSLContext:
    """What a program's argument `ssl` means for a client: True stands for a context with the defaults."""
    if wanted is not True:
        given: ssl.SSLContext = wanted
        return given
    context = ssl.create_default_context()
    if not server_hostname:
        context.check_hostname = False
    return context


def make_tls_protocol(
    loop: LoopPart, protocol: Any, tls: Tls, waiter: asyncio.Future[None] | None, *, call_connection_made: bool = True
) -> Any:
    """What stands between a plain transport and a program's protocol. WAITER learns the handshake's outcome."""
    make: Any = getattr(_core, "TlsProtocol", sslproto.SSLProtocol)
    return make(
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

    async def _open(self, sock: socket.socket, protocol_factory: ProtocolFactory, tls: Tls | None) -> Connection:
        """A transport and its protocol, connected. The socket is closed if that fails."""
        try:
            sock.setblocking(False)
            protocol = protocol_factory()
            waiter: asyncio.Future[None] = self.create_future()
            transport = self._make_transport(sock, protocol, tls, waiter, None)
        except BaseException:
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
