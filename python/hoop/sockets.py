# SPDX-License-Identifier: MIT
"""Operations on a program's own sockets: sock_recv and its like.

Each is tried at once; what cannot be done yet waits in a SocketOperation, which the extension completes.
"""

import asyncio
import socket
from typing import Any

from ._core import SocketOperation
from .addresses import Addresses

try:
    import ssl
except ImportError:
    ssl = None  # type: ignore[assignment]

Address = Any  # tuple, string or bytes, whatever the family has


def check_socket(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """Refuses what the operations cannot work with; called for what is not just a socket.socket, and in debug mode."""
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")
    if loop.get_debug() and sock.gettimeout() != 0:
        raise ValueError("the socket must be non-blocking")


def send_all(loop: "SocketOperations", sock: socket.socket, data: Any) -> Any:
    """sock_sendall for a socket with a send() of its own."""
    rest = memoryview(data).cast("B")

    def send() -> None:
        nonlocal rest
        rest = rest[sock.send(rest) :]
        if rest:
            raise BlockingIOError

    return loop._attempt(sock, True, send)


def _accept(sock: socket.socket) -> tuple[socket.socket, Address]:
    connection, address = sock.accept()
    connection.setblocking(False)
    return connection, address


def _finish_connect(sock: socket.socket, address: Address) -> None:
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error != 0:
        raise OSError(error, f"Connect call failed {address}")


async def completed(result: Any) -> Any:
    """What an operation of the extension returned, which may have to be waited for."""
    if type(result) is not SocketOperation:
        return result
    try:
        return await result.future
    finally:
        # It may have been cancelled. Without the future, its exception does not refer to itself through this frame.
        result.stop()


class SocketOperations(Addresses):
    async def sock_recv(self, sock: socket.socket, nbytes: int) -> bytes:
        """Receives up to nbytes from a socket; b"" at its end."""
        received = self._receive(sock, nbytes)
        return received if type(received) is bytes else await completed(received)

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        """Receives into a writable buffer; returns how many bytes."""
        received = self._receive_into(sock, buf)
        return received if type(received) is int else await completed(received)

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Address]:
        """Receives a datagram of up to bufsize bytes; returns it and the sender's address."""
        received: tuple[bytes, Address] = await completed(self._attempt(sock, False, "recvfrom", bufsize))
        return received

    async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> tuple[int, Address]:
        """Receives a datagram into a writable buffer; returns its size and the sender's address."""
        attempt = self._attempt(sock, False, "recvfrom_into", buf, nbytes or len(buf))
        received: tuple[int, Address] = await completed(attempt)
        return received

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Sends all of data. After an error nobody knows how much of it was sent."""
        sent = self._send_all(sock, data)
        if sent is not None:
            await completed(sent)

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Address) -> int:
        """Sends a datagram to address; returns how many bytes were sent."""
        sent: int = await completed(self._attempt(sock, True, "sendto", data, address))
        return sent

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Address]:
        """Accepts a connection; returns a new non-blocking socket and the address of the other end."""
        accepted: tuple[socket.socket, Address] = await completed(self._attempt(sock, False, _accept, sock))
        return accepted

    async def sock_connect(self, sock: socket.socket, address: Address) -> None:
        """Connects a socket; the name in an address of the internet is looked up."""
        check_socket(self, sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            resolved = await self._ensure_resolved(
                address, family=sock.family, type=sock.type, proto=sock.proto, loop=self
            )
            address = resolved[0][4]
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            await completed(self._retry(sock, True, _finish_connect, sock, address))
