# SPDX-License-Identifier: MIT
"""Protocols that the tests of connections and servers use, and servers that do not answer."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any


class Recorder(asyncio.Protocol):
    """Keeps what it is told; `lost` is done with connection_lost's argument."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.data = b""
        self.events: list[str] = []
        self.made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.events.append("made")
        self.made.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.events.append("eof")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append("lost")
        self.lost.set_result(exc)

    async def has(self, count: int) -> bytes:
        """Waits for so many bytes."""
        while len(self.data) < count:
            assert not self.lost.done(), f"lost after {len(self.data)} bytes: {self.lost.result()!r}"
            await asyncio.sleep(0.001)
        return self.data


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def address_of(server: asyncio.AbstractServer) -> tuple[str, int]:
    name: tuple[str, int] = server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]
    return name


@contextlib.contextmanager
def silent_address() -> Iterator[tuple[str, int]]:
    """An address where connecting takes as long as the program has patience: the queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


def refused_address() -> tuple[str, int]:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name: tuple[str, int] = listener.getsockname()
        return name
