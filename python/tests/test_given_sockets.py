# SPDX-License-Identifier: MIT
"""A connected socket that the program has made, and gives to the loop: whose it is when there can be no transport."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable

import hoop
import pytest
from protocols import Recorder

Pair = tuple[socket.socket, socket.socket]
Connect = Callable[[hoop.Loop, Callable[[], asyncio.Protocol], socket.socket], Awaitable[object]]


def connection(loop: hoop.Loop, factory: Callable[[], asyncio.Protocol], sock: socket.socket) -> Awaitable[object]:
    return loop.create_connection(factory, sock=sock)


def accepted(loop: hoop.Loop, factory: Callable[[], asyncio.Protocol], sock: socket.socket) -> Awaitable[object]:
    return loop.connect_accepted_socket(factory, sock)


def unix(loop: hoop.Loop, factory: Callable[[], asyncio.Protocol], sock: socket.socket) -> Awaitable[object]:
    return loop.create_unix_connection(factory, sock=sock)


all_ways = pytest.mark.parametrize("connect", [connection, accepted, unix])


def fail() -> asyncio.Protocol:
    raise ValueError("no protocol")


@all_ways
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="asyncio closes it from Python 3.14 on")
def test_it_stays_open_when_the_protocol_cannot_be_made(loop: hoop.Loop, pair: Pair, connect: Connect) -> None:
    left, right = pair
    with pytest.raises(ValueError, match="no protocol"):
        loop.run_until_complete(connect(loop, fail, left))
    left.sendall(b"hello")
    assert right.recv(5) == b"hello"


@all_ways
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="asyncio closes it from Python 3.14 on")
def test_the_transport_that_has_it_goes_on(loop: hoop.Loop, pair: Pair, connect: Connect) -> None:
    async def main() -> None:
        left, right = pair
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await connect(loop, Recorder, left)
        right.sendall(b"hello")
        assert await protocol.has(5) == b"hello"
        transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_one_of_the_loops_is_closed_when_the_protocol_cannot_be_made(
    loop: hoop.Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with pytest.raises(ValueError, match="no protocol"):
                await loop.create_connection(fail, *listening.getsockname())
        assert [sock.fileno() for sock in connected] == [-1]

    connected: list[socket.socket] = []
    sock_connect = loop.sock_connect

    async def watched(sock: socket.socket, address: object) -> None:
        connected.append(sock)
        await sock_connect(sock, address)

    monkeypatch.setattr(loop, "sock_connect", watched)
    loop.run_until_complete(main())
