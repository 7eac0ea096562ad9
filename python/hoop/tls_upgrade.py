# SPDX-License-Identifier: MIT
"""start_tls: a connection that began in plain goes on with TLS."""

from __future__ import annotations

import asyncio
from typing import Any

from .base import LoopPart
from .transports import Tls, make_tls_protocol

try:
    import ssl
except ImportError:  # an interpreter without OpenSSL
    ssl = None  # type: ignore[assignment]


def _take_unread(protocol: Any) -> bytes:
    """What a stream reader has read already: the other end may have begun its handshake early."""
    reader = getattr(protocol, "_stream_reader", None) if isinstance(protocol, asyncio.StreamReaderProtocol) else None
    if reader is None or not reader._buffer:
        return b""
    unread = bytes(reader._buffer)
    reader._buffer.clear()
    return unread


def _feed(tls_protocol: Any, data: bytes) -> None:
    """Hands over DATA as a transport does."""
    while data:
        buffer = tls_protocol.get_buffer(len(data))
        part = data[: len(buffer)]
        buffer[: len(part)] = part
        tls_protocol.buffer_updated(len(part))
        data = data[len(part) :]


class TlsUpgrade(LoopPart):
    async def start_tls(
        self,
        transport: Any,
        protocol: Any,
        sslcontext: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """Puts TLS between a transport and its protocol; returns the transport that the protocol is to use from now on.

        The connection is closed if the handshake fails.
        """
        if ssl is None:
            raise RuntimeError("Python ssl module is not available")
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")

        waiter: asyncio.Future[None] = self.create_future()
        tls = Tls(sslcontext, server_side, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        tls_protocol = make_tls_protocol(self, protocol, tls, waiter, call_connection_made=False)

        # Nothing may be received before connection_made.
        transport.pause_reading()
        transport.set_protocol(tls_protocol)
        steps = [self.call_soon(tls_protocol.connection_made, transport)]
        unread = _take_unread(protocol) if server_side else b""
        if unread:
            steps.append(self.call_soon(_feed, tls_protocol, unread))
        steps.append(self.call_soon(transport.resume_reading))
        try:
            await waiter
        except BaseException:
            transport.close()
            for step in steps:
                step.cancel()
            raise
        finally:
            # A failed future keeps its exception, whose traceback would keep the future.
            del waiter
        return tls_protocol._app_transport
