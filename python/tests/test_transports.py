# SPDX-License-Identifier: MIT
"""What transports of all kinds do alike, after their end and their loop's."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import hoop
import pytest

Loop = asyncio.AbstractEventLoop
Made = Awaitable[tuple[Any, Any]]


class Protocol(asyncio.Protocol, asyncio.DatagramProtocol):
    """Waits for the end."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exception: Exception | None) -> None:
        self.lost.set_result(exception)


class Paused(Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.pause_reading()


def stream(loop: Loop, factory: type[Protocol]) -> Made:
    left, right = socket.socketpair()
    right.close()
    return loop.create_connection(factory, sock=left)


def datagrams(loop: Loop, factory: type[Protocol]) -> Made:
    return loop.create_datagram_endpoint(factory, remote_addr=("127.0.0.1", 9))


def written_pipe(loop: Loop, factory: type[Protocol]) -> Made:
    reader, writer = os.pipe()
    os.close(reader)
    return loop.connect_write_pipe(factory, open(writer, "wb", buffering=0))


def read_pipe(loop: Loop, factory: type[Protocol]) -> Made:
    reader, writer = os.pipe()
    os.close(writer)
    return loop.connect_read_pipe(factory, open(reader, "rb", buffering=0))


Make = Callable[[Loop, type[Protocol]], Made]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, hoop.new_event_loop])
@pytest.mark.parametrize(("make", "silent_writes"), [(stream, 4), (datagrams, 4), (written_pipe, 5)])
def test_a_program_that_goes_on_writing_is_warned(
    new_loop: Callable[[], Loop],
    make: Make,
    silent_writes: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        transport, protocol = await make(asyncio.get_running_loop(), Protocol)
        transport.close()
        await protocol.lost
        write = transport.sendto if make is datagrams else transport.write
        for _ in range(silent_writes):
            write(b"lost")
        assert caplog.messages == []
        write(b"lost")
        assert len(caplog.messages) == 1 and "raised exception." in caplog.messages[0]

    loop = new_loop()
    loop.run_until_complete(main())
    loop.close()


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.parametrize("make", [stream, datagrams, read_pipe])
def test_reading_is_not_resumed_after_the_loop_is_closed(make: Make) -> None:
    async def main() -> Any:
        return (await make(loop, Paused))[0]

    loop = hoop.new_event_loop()
    transport = loop.run_until_complete(main())
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        transport.resume_reading()
