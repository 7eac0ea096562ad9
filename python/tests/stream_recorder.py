# SPDX-License-Identifier: MIT
"""Connected sockets, and protocols for a stream transport that keep what they are told and step the loop by it."""

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any

import hoop
import pytest
from hoop import _core

Pair = tuple[socket.socket, socket.socket]


def take_little(sock: socket.socket) -> None:
    """The kernel may take megabytes else, and more with time: no test could tell when something waits."""
    for buffer in socket.SO_SNDBUF, socket.SO_RCVBUF:
        sock.setsockopt(socket.SOL_SOCKET, buffer, 100_000)


def tcp_pair() -> Pair:
    near = socket.socket()
    with socket.create_server(("127.0.0.1", 0)) as server:
        take_little(near)  # these are settled when they connect
        take_little(server)
        near.connect(server.getsockname())
        far, _ = server.accept()
    return near, far


def unix_pair() -> Pair:
    near, far = socket.socketpair()
    take_little(near)
    take_little(far)
    return near, far


@pytest.fixture(params=[tcp_pair, unix_pair], ids=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two connected sockets: one for the transport, one for the test, which blocks."""
    near, far = request.param()
    near.setblocking(False)
    far.settimeout(10)
    yield near, far
    near.close()
    far.close()


class Recorder(asyncio.Protocol):
    """Keeps what it is told, and stops the loop when it is told the word that was waited for."""

    def __init__(self, loop: hoop.Loop) -> None:
        self.loop = loop
        self.told: list[Any] = []
        self.received = bytearray()
        self.awaited = ""
        self.transport: Any = None

    def tell(self, word: str) -> None:
        self.told.append(word)
        if word == self.awaited:
            self.loop.stop()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.tell("made")

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes and data
        self.received += data
        self.tell("data")

    def eof_received(self) -> bool | None:
        self.tell("eof")
        return None

    def pause_writing(self) -> None:
        self.tell("pause")

    def resume_writing(self) -> None:
        self.tell("resume")

    def connection_lost(self, exception: Exception | None) -> None:
        self.exception = exception
        self.tell("lost")

    def wait(self, word: str) -> None:
        """Runs the loop until WORD is told once more."""
        self.awaited = word
        alarm = self.loop.call_later(10, self.loop.stop)
        count = self.told.count(word)
        self.loop.run_forever()
        alarm.cancel()
        self.awaited = ""
        assert self.told.count(word) == count + 1, self.told


class Buffered(Recorder, asyncio.BufferedProtocol):
    """Lends the same buffer each time."""

    size = 100

    def __init__(self, loop: hoop.Loop) -> None:
        super().__init__(loop)
        self.buffer = bytearray(self.size)
        self.hints: list[int] = []

    def get_buffer(self, hint: int) -> bytearray:
        self.hints.append(hint)
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.received += self.buffer[:count]
        self.tell("data")


def turn(loop: hoop.Loop, times: int = 1) -> None:
    """Runs the loop until it had nothing to do; what the kernel knew by then has been handled."""
    for _ in range(times):
        loop.call_later(0.0003, loop.stop)
        loop.run_forever()


def connect(loop: hoop.Loop, sock: socket.socket, kind: type[Recorder] = Recorder, **options: Any) -> Any:
    """A recorder that has been told of its transport."""
    protocol = kind(loop)
    transport = _core.StreamTransport(loop, sock, protocol, **options)
    assert protocol.told == []
    turn(loop)
    assert protocol.told[0] == "made" and protocol.transport is transport
    return protocol


def close(protocol: Recorder) -> None:
    protocol.transport.abort()
    turn(protocol.loop, 2)


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        got = sock.recv(min(count - len(data), 1 << 20))
        assert got, f"{len(data)} of {count} bytes"
        data += got
    return bytes(data)


def fill(protocol: Recorder, extra: int = 0) -> bytes:
    """Writes until the kernel takes no more; what was written."""
    written = bytearray()
    while protocol.transport.get_write_buffer_size() <= extra:
        data = os.urandom(10_000)
        protocol.transport.write(data)
        written += data
    return bytes(written)


def told_problems(loop: hoop.Loop) -> list[dict[str, Any]]:
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: problems.append(context))
    return problems

def failing(method: str, error: BaseException, kind: type[Recorder] = Recorder) -> type[Recorder]:
    def fail(self: Recorder, *arguments: Any) -> Any:
        self.told.append(method)
        raise error

    return type("Failing", (kind,), {method: fail})


def drain_far(protocol: Recorder, far: socket.socket, count: int) -> bytes:
    """Reads COUNT bytes of what the transport still has to send."""
    got = bytearray()
    far.setblocking(False)
    while len(got) < count:
        try:
            got += far.recv(1 << 16)
        except BlockingIOError:
            turn(protocol.loop)
    return bytes(got)


class Server:
    """What a transport tells its server."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def _attach(self, transport: Any) -> None:
        self.told.append(("attach", transport))

    def _detach(self, transport: Any) -> None:
        self.told.append(("detach", transport))
