# SPDX-License-Identifier: MIT
"""What both ends of a connection say to each other, many times over: what networks.py and tls_networks.py share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Body = Callable[[int], Any]
# So many at once, as connecting one by one leaves the server little to do.
AT_ONCE = 20


class Echo(asyncio.Protocol):
    transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(self.buffer[:nbytes])


class Asker(asyncio.Protocol):
    """Sends a line, waits until it comes back, and closes."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(b"how ")
        transport.writelines([b"are ", b"you?\n"])

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received == b"how are you?\n":
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None:
            self.lost.set_exception(exc)
        elif not self.lost.done():
            self.lost.set_result(None)


async def many(count: int, one: Callable[[], Awaitable[None]]) -> None:
    """COUNT times ONE, some at once."""

    async def some(number: int) -> None:
        for _ in range(number):
            await one()

    await asyncio.gather(*(some(count // AT_ONCE) for _ in range(AT_ONCE)))


async def gone() -> None:
    """The ends of the server's side come a little later."""
    for _ in range(5):
        await asyncio.sleep(0.002)


def address(server: asyncio.Server) -> Any:
    return server.sockets[0].getsockname()


async def serve_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def ask_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(2):
        writer.write(b"how are you?\n")
        await writer.drain()
        assert await reader.readline() == b"how are you?\n"
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
