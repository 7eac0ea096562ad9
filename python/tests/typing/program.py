# SPDX-License-Identifier: MIT
"""A program as its author sees it under a type checker: every line of it is right. test_types.py checks and runs it."""

import asyncio
import socket
import sys

import hoop
from typing_extensions import assert_type


async def length(text: str) -> int:
    return len(text)


def add(left: int, right: float) -> float:
    return left + right


class Greeter(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


async def main(loop: hoop.Loop) -> str:
    assert_type(loop.call_soon(add, 1, 2.0), asyncio.Handle)
    assert_type(loop.call_soon_threadsafe(add, 1, 2.0), asyncio.Handle)
    assert_type(loop.call_later(0.5, add, 1, 2.0), asyncio.TimerHandle)
    assert_type(loop.call_at(loop.time() + 1, print, "now"), asyncio.TimerHandle)
    assert_type(loop.time(), float)
    assert_type(await loop.create_task(length("text"), name="measuring"), int)
    assert_type(await loop.run_in_executor(None, add, 1, 2.0), float)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    loop.add_reader(ours, add, 1, 2.0)
    assert_type(loop.remove_reader(ours.fileno()), bool)
    await loop.sock_sendall(ours, b"datadata")
    assert_type(await loop.sock_recv(theirs, 4), bytes)
    assert_type(await loop.sock_recv_into(theirs, bytearray(4)), int)
    transport, protocol = await loop.create_connection(Greeter, sock=ours)
    assert_type(await loop.sock_recv(theirs, 5), bytes)
    transport.close()
    await protocol.lost
    theirs.close()
    server = await loop.create_server(Greeter, "127.0.0.1", 0)
    listening: tuple[socket.socket, ...] = tuple(server.sockets)
    print(listening[0].getsockname())
    server.close()
    await server.wait_closed()
    loop.set_debug(False)
    assert_type(loop.get_debug(), bool)
    assert_type(loop.slow_callback_duration, float)
    return "done"


loop = hoop.new_event_loop()
assert_type(loop, hoop.Loop)
abstract: asyncio.AbstractEventLoop = loop
assert_type(loop.run_until_complete(main(loop)), str)
loop.close()

assert_type(hoop.run(length("text"), debug=True), int)
with asyncio.Runner(loop_factory=hoop.new_event_loop) as runner:
    assert_type(runner.run(length("text")), int)
if sys.version_info >= (3, 12):
    assert_type(asyncio.run(length("text"), loop_factory=hoop.new_event_loop), int)

hoop.install()
made = hoop.EventLoopPolicy().new_event_loop()
assert_type(made, hoop.Loop)
made.close()
hoop.uninstall()
assert_type(hoop.get_include(), str)
