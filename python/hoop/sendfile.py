# SPDX-License-Identifier: MIT
"""Sending files: by the kernel where it can, else by reading and sending."""

import io
import os
import socket
import threading
from asyncio import constants
from asyncio.exceptions import SendfileNotAvailableError
from collections.abc import Callable
from typing import IO, Any

from .sockets import SocketOperations, check_socket, completed

_LARGEST_BLOCK = 1 << 30


def check_sendfile(sock: socket.socket, file: Any, offset: int, count: int | None) -> None:
    """Refuses arguments of sendfile, in asyncio's words."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")
    if count is not None:
        message = f"count must be a positive integer (got {count!r})"
        if not isinstance(count, int):
            raise TypeError(message)
        if count <= 0:
            raise ValueError(message)
    message = f"offset must be a non-negative integer (got {offset!r})"
    if not isinstance(offset, int):
        raise TypeError(message)
    if offset < 0:
        raise ValueError(message)


class FileSending:
    """One file on its way to a socket."""

    def __init__(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> None:
        self.sent = 0
        self._sock = sock
        self._offset = offset
        self._count = count
        try:
            self._file = file.fileno()
            self._size = os.fstat(self._file).st_size
        except (AttributeError, io.UnsupportedOperation, OSError) as error:
            raise SendfileNotAvailableError("not a regular file") from error

    def send(self) -> int:
        """Lets the kernel send as much as the socket takes. Returns the sum when all is sent, and raises BlockingIOError
        as long as there is more."""
        left = self._size if self._count is None else self._count - self.sent
        if left == 0:
            return self.sent
        try:
            sent = os.sendfile(self._sock.fileno(), self._file, self._offset + self.sent, min(left, _LARGEST_BLOCK))
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            if self.sent == 0:
                raise SendfileNotAvailableError("os.sendfile call failed") from error
            raise
        self.sent += sent
        if sent == 0 or self.sent == self._count:
            return self.sent
        raise BlockingIOError

    def finish(self) -> None:
        """Puts the file's position behind what was sent, be it nothing; what has no size may be a pipe."""
        if self.sent > 0 or self._size > 0:
            os.lseek(self._file, self._offset + self.sent, os.SEEK_SET)


class FileReading:
    """One file that is read in other threads to be sent; `sent` is for the sender to count."""

    def __init__(self, file: Any, offset: int) -> None:
        self.sent = 0
        self._file = file
        self._offset = offset
        self._can_seek = hasattr(file, "seek")
        self._lock = threading.Lock()
        self._is_finished = False
        if self._can_seek:
            file.seek(offset)

    def read(self, method: Callable[[Any], Any], argument: Any) -> Any:
        """The file's METHOD in another thread; nothing when the sending has ended meanwhile."""
        with self._lock:
            return None if self._is_finished else method(argument)

    def finish(self) -> None:
        """Puts the file's position behind what was sent, be it nothing: what a cancelled sending has read is not sent.
        A thread that still reads is waited for, else it would move the position afterwards."""
        if self._can_seek:
            with self._lock:
                self._is_finished = True
                self._file.seek(self._offset + self.sent)


class SendingFiles(SocketOperations):
    async def sock_sendfile(
        self,
        sock: socket.socket,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = True,
    ) -> int:
        """Sends a file, from offset on, count bytes or to its end; returns how many bytes were sent.

        The file's position is behind them afterwards. fallback: files that the kernel cannot send are read and sent.
        """
        check_socket(self, sock)
        check_sendfile(sock, file, offset, count)
        try:
            return await self._send_file_by_kernel(sock, file, offset, count)
        except SendfileNotAvailableError:
            if not fallback:
                raise
        return await self._send_file_by_reading(sock, file, offset, count)

    async def _send_file_by_kernel(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> int:
        sending = FileSending(sock, file, offset, count)
        try:
            sent: int = await completed(self._attempt(sock, True, sending.send))
            return sent
        finally:
            sending.finish()

    async def _send_file_by_reading(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> int:
        reading = FileReading(file, offset)
        block_size = constants.SENDFILE_FALLBACK_READBUFFER_SIZE
        buffer = memoryview(bytearray(min(count or block_size, block_size)))
        try:
            while count is None or reading.sent < count:
                block = buffer if count is None else buffer[: count - reading.sent]
                read = await self.run_in_executor(None, reading.read, file.readinto, block)
                if not read:
                    break
                await self.sock_sendall(sock, block[:read])
                reading.sent += read
            return reading.sent
        finally:
            reading.finish()
