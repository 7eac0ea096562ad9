# SPDX-License-Identifier: MIT
"""Sending files by way of transports: by the kernel where it can, else by reading and writing."""

import asyncio
import os
import socket
from asyncio import constants
from typing import Any

from .base import LoopPart
from .sendfile import FileReading, FileSending, check_sendfile

_Mode = constants._SendfileMode
# How much the fallback reads at a time.
_BLOCK = 16384


def _set_done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class _Interlude(asyncio.Protocol):
    """The protocol of a transport while a file is sent: follows the flow, and tells the real one of the end."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._protocol = transport.get_protocol()
        self._reads_afterwards = transport.is_reading()
        self._was_paused: bool = getattr(transport, "_protocol_paused", False)
        self._is_paused = self._was_paused
        self._is_lost = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        transport.pause_reading()
        transport.set_protocol(self)

    async def wait_for(self, ready: asyncio.Future[None]) -> None:
        """Waits until READY is done; an error if the connection ends before."""
        self._waiter = ready
        try:
            self.raise_if_lost()
            await ready
        finally:
            self._waiter = None

    async def drain(self) -> None:
        """Waits while the transport has enough to write; an error if the connection has ended."""
        self.raise_if_lost()
        if self._transport.is_closing():
            raise ConnectionError("Connection closed by peer")
        while self._is_paused:
            await self.wait_for(self._loop.create_future())

    def end(self) -> None:
        """The real protocol goes on."""
        if self._is_lost:
            return
        self._transport.set_protocol(self._protocol)
        if self._reads_afterwards:
            self._transport.resume_reading()
        if self._was_paused and not self._is_paused:
            self._protocol.resume_writing()
        elif self._is_paused and not self._was_paused:
            self._protocol.pause_writing()

    def raise_if_lost(self) -> None:
        if self._is_lost:
            raise self._error or ConnectionError("Connection is closed by peer")

    # ---- what the transport calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raise RuntimeError("Invalid state: connection should have been established already.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._error = exc
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionError("Connection is closed by peer"))
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._waiter is not None:
            _set_done(self._waiter)

    def data_received(self, data: bytes) -> None:
        raise RuntimeError("Invalid state: reading should be paused")

    def eof_received(self) -> None:
        raise RuntimeError("Invalid state: reading should be paused")


class TransportSendfile(LoopPart):
    async def sendfile(
        self, transport: Any, file: Any, offset: int = 0, count: int | None = None, *, fallback: bool = True
    ) -> int:
        """Sends a file from offset, count bytes at most, by way of a transport; returns how many bytes were sent.

        What was written before goes first; nothing may be written meanwhile, and reading pauses. The file's position
        is behind what was sent afterwards, also after an error. Without fallback, SendfileNotAvailableError or
        RuntimeError says that the kernel cannot do it.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        mode = getattr(transport, "_sendfile_compatible", _Mode.UNSUPPORTED)
        if mode is _Mode.UNSUPPORTED:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if mode is _Mode.TRY_NATIVE:
            try:
                return await self._sendfile_native(transport, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
        if not fallback:
            text = f"fallback is disabled and native sendfile is not supported for transport {transport!r}"
            raise RuntimeError(text)
        return await self._sendfile_fallback(transport, file, offset, count)

    async def _sendfile_native(self, transport: Any, file: Any, offset: int, count: int | None) -> int:
        # A descriptor of our own can be waited for beside the transport's.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as sock:
            check_sendfile(sock, file, offset, count)
            sending = FileSending(sock, file, offset, count)
            interlude = _Interlude(transport, self)
            try:
                # From now on write() refuses; it is done when all that was written before has gone.
                await transport._make_empty_waiter()
                try:
                    return await self._send_by_kernel(sending, sock, interlude)
                finally:
                    transport._reset_empty_waiter()
                    sending.finish()
            finally:
                interlude.end()

    async def _send_by_kernel(self, sending: FileSending, sock: socket.socket, interlude: _Interlude) -> int:
        while True:
            interlude.raise_if_lost()
            try:
                return sending.send()
            except BlockingIOError:
                await self._wait_until_writable(sock, interlude)

    async def _wait_until_writable(self, sock: socket.socket, interlude: _Interlude) -> None:
        ready: asyncio.Future[None] = self.create_future()
        self.add_writer(sock, _set_done, ready)
        try:
            await interlude.wait_for(ready)
        finally:
            self.remove_writer(sock)

    async def _sendfile_fallback(self, transport: Any, file: Any, offset: int, count: int | None) -> int:
        check_sendfile(transport.get_extra_info("socket"), file, offset, count)
        interlude = _Interlude(transport, self)
        try:
            await interlude.drain()
            return await self._send_by_reading(transport, file, offset, count, interlude)
        finally:
            interlude.end()

    async def _send_by_reading(
        self, transport: Any, file: Any, offset: int, count: int | None, interlude: _Interlude
    ) -> int:
        reading = FileReading(file, offset)
        try:
            while count is None or reading.sent < count:
                block = _BLOCK if count is None else min(count - reading.sent, _BLOCK)
                # A new object each time, as the transport may keep it.
                data = await self.run_in_executor(None, reading.read, file.read, block)
                if not data:
                    break
                transport.write(data)
                reading.sent += len(data)
                await interlude.drain()
            return reading.sent
        finally:
            reading.finish()
