# SPDX-License-Identifier: MIT
"""What the tests of TLS share: a connection in memory.

The connection has hoop's TlsProtocol on one side and a bare SSLObject on the other; the test carries the bytes between
them, in pieces as it likes, and keeps the clock. Nothing waits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from hoop import _core
from tls_identity import Certificates as Certificates


class Timer:
    def __init__(self, seconds: float, callback: Callable[[], object]) -> None:
        self.seconds, self.callback = seconds, callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class HandLoop:
    """As much of a loop as TLS asks for, turned by hand."""

    def __init__(self) -> None:
        self.ready: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.timers: list[Timer] = []
        self.reports: list[dict[str, Any]] = []
        self.debug = False

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        self.ready.append((callback, arguments))

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        self.timers.append(Timer(seconds, callback))
        return self.timers[-1]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.reports.append(context)

    def get_debug(self) -> bool:
        return self.debug

    def time(self) -> float:
        return 0.0

    def turn(self) -> None:
        """Runs what is scheduled, and what that schedules."""
        while self.ready:
            callback, arguments = self.ready.pop(0)
            callback(*arguments)

    def pending(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.cancelled]


class Wire(asyncio.Transport):
    """The transport below."""

    def __init__(self, loop: HandLoop, protocol: Any) -> None:
        super().__init__({"socket": "a socket"})
        self.loop, self.protocol = loop, protocol
        self.sent = bytearray()
        self.is_paused = self.is_closed = self.is_lost = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.sent += data

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def close(self) -> None:
        self._force_close(None)

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, exception: BaseException | None) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.loop.call_soon(self._lose, exception)

    def _lose(self, exception: BaseException | None) -> None:
        self.is_lost = True
        self.protocol.connection_lost(exception)

    def receive(self, data: bytes) -> None:
        """DATA comes from the network, as transports hand it on."""
        while data and not self.is_closed:
            buffer = self.protocol.get_buffer(-1)
            count = min(len(buffer), len(data))
            buffer[:count] = data[:count]
            self.protocol.buffer_updated(count)
            data = data[count:]

    def receive_eof(self) -> None:
        if not self.protocol.eof_received():
            self.close()


class Recorder(asyncio.Protocol):
    """A program's protocol that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.pieces: list[bytes] = []
        self.lost_with: BaseException | None = None
        self.transport: Any = None

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def eof_received(self) -> bool | None:
        self.events.append("eof")
        return None

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append("lost")
        self.lost_with = exc

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")


class BufferRecorder(asyncio.BufferedProtocol):
    """The same, receiving into a buffer of its own."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.counts: list[int] = []
        self.data = b""
        self.events: list[str] = []

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.counts.append(nbytes)
        self.data += self.buffer[:nbytes]

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append("lost")


class Pair:
    """TlsProtocol, a server unless told otherwise, and its peer."""

    def __init__(
        self,
        certificates: Certificates,
        protocol: Any = None,
        *,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
        is_server: bool = True,
        hostname: str = "localhost",
        **options: Any,
    ) -> None:
        server = server or certificates.server()
        client = client or certificates.client()
        self.loop = HandLoop()
        self.app = Recorder() if protocol is None else protocol
        self.waiter: Any = asyncio.Future(loop=self.loop)  # type: ignore[arg-type]
        own, other = (server, client) if is_server else (client, server)
        self.tls = _core.TlsProtocol(
            *(self.loop, self.app, own, self.waiter, is_server, None if is_server else hostname), **options
        )
        self.transport = self.tls._app_transport
        self.wire = Wire(self.loop, self.tls)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = other.wrap_bio(
            self.incoming, self.outgoing, server_side=not is_server, server_hostname=hostname if is_server else None
        )

    def connect(self) -> Pair:
        """The handshake, to its end."""
        self.tls.connection_made(self.wire)
        for _ in range(4):
            try:
                self.peer.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.carry()
        return self

    def carry(self) -> None:
        """What was sent gets to the other side, both ways."""
        self.incoming.write(self.wire.sent)
        self.wire.sent.clear()
        self.wire.receive(self.outgoing.read())
        self.loop.turn()

    def peer_reads(self) -> bytes:
        """All that the peer gets."""
        data = b""
        while True:
            self.carry()
            try:
                piece = self.peer.read(1 << 20)
            except ssl.SSLWantReadError:
                return data
            except ssl.SSLZeroReturnError:
                return data
            if not piece:
                return data
            data += piece

    def peer_writes(self, data: bytes) -> bytes:
        """The encrypted bytes, not carried yet."""
        self.peer.write(data)
        return self.outgoing.read()

    def peer_closes(self) -> bool:
        """Sends that it closes; whether the other side has said it too."""
        try:
            self.peer.unwrap()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.carry()
        return True
