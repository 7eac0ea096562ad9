# SPDX-License-Identifier: MIT
"""websockets: its server and its client, on one loop."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve

from conftest import Certificates

MIB = 1 << 20
CONNECTIONS = 1000


def address(server: Server, scheme: str = "ws") -> str:
    return f"{scheme}://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)




async def test_a_thousand_connections() -> None:
    """All are open at once; each gets its own answer, and then what is sent to all."""
    clients: list[ClientConnection] = []
    gate = asyncio.Semaphore(100)  # so many wait in the listening socket's queue

    async def connect() -> None:
        async with gate:
            clients.append(await stack.enter_async_context(websockets.connect(address(server), compression=None)))

    async def talk(client: ClientConnection, number: int) -> None:
        await client.send(str(number))
        assert await client.recv() == str(number)

    async with serve(echo, "127.0.0.1", 0, compression=None) as server, AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(connect())
        assert len(server.connections) == CONNECTIONS
        async with asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                group.create_task(talk(client, number))
        broadcast(server.connections, "to all")
        assert await asyncio.gather(*(client.recv() for client in clients)) == ["to all"] * CONNECTIONS


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages_of_many_sizes(compression: str | None) -> None:
    async with serve(echo, "127.0.0.1", 0, max_size=8 * MIB, compression=compression) as server:
        async with websockets.connect(address(server), max_size=8 * MIB, compression=compression) as client:
            for size in (0, 1, 125, 126, 65535, 65536, 4 * MIB):
                await client.send(bytes(size))
                assert await client.recv() == bytes(size)


async def test_fragments_are_one_message() -> None:
    async def parts() -> AsyncIterator[str]:
        for number in range(100):
            yield f"{number} "
            await asyncio.sleep(0)

    async with serve(echo, "127.0.0.1", 0) as server, websockets.connect(address(server)) as client:
        await client.send(parts())
        assert await client.recv() == "".join(f"{number} " for number in range(100))


async def test_tls(certificates: Certificates) -> None:
    async with serve(echo, "127.0.0.1", 0, ssl=certificates.server, max_size=8 * MIB) as server:
        uri = address(server, "wss")
        async with websockets.connect(uri, ssl=certificates.client, max_size=8 * MIB) as client:
            await client.send(bytes(4 * MIB))
            assert await client.recv() == bytes(4 * MIB)
        with pytest.raises(ssl.SSLCertVerificationError):
            await websockets.connect(uri)


async def test_pings_are_answered() -> None:
    async with serve(echo, "127.0.0.1", 0) as server, websockets.connect(address(server)) as client:
        for _ in range(10):
            assert await (await client.ping()) >= 0


async def test_keepalive_finds_a_dead_peer() -> None:
    """A peer that opens the connection and then says nothing more."""
    ends: asyncio.Queue[int | None] = asyncio.Queue()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ends.put_nowait(connection.protocol.close_code)

    async with serve(wait, "127.0.0.1", 0, ping_interval=0.02, ping_timeout=0.02, close_timeout=0.02) as server:
        host, port = next(iter(server.sockets)).getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await ends.get() == 1006  # closed without a closing handshake: the peer took no part
        writer.close()
        await writer.wait_closed()


async def test_a_slow_reader_slows_the_writer() -> None:
    sent = itertools.count()
    finished = asyncio.Event()

    async def pour(connection: ServerConnection) -> None:
        for _ in range(64):
            await connection.send(bytes(MIB // 2))
            next(sent)
        finished.set()

    async with serve(pour, "127.0.0.1", 0, compression=None) as server:
        async with websockets.connect(address(server), max_size=None, max_queue=1, compression=None) as client:
            await client.recv()
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not finished.is_set()
            for _ in range(63):
                await client.recv()
            await finished.wait()
    assert next(sent) == 64


async def test_the_server_closes_its_connections() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        clients = [await websockets.connect(address(server)) for _ in range(10)]
        server.close()
        await server.wait_closed()
        for client in clients:
            with pytest.raises(websockets.ConnectionClosedOK) as closed:
                await client.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


async def test_a_client_reconnects() -> None:
    """connect() as an iterator: a server that drops each client after one message."""

    async def once(connection: ServerConnection) -> None:
        await connection.send("hello")

    async with serve(once, "127.0.0.1", 0) as server:
        greetings = 0
        async for client in websockets.connect(address(server)):
            try:
                while True:
                    assert await client.recv() == "hello"
                    greetings += 1
            except websockets.ConnectionClosed:
                if greetings == 5:
                    break
    assert greetings == 5
