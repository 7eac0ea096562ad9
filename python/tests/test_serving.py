# SPDX-License-Identifier: MIT
"""A server's life: when it accepts, how it ends, serve_forever and wait_closed, its connections' end."""

import asyncio
import gc
import socket
import sys
from typing import Any

import hoop
import pytest
from protocols import Echo, Recorder, address_of
from service import Service, ask


def test_a_server_may_begin_later() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, start_serving=False)
        async with server:
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                await ask(address_of(server))
            await server.start_serving()
            await server.start_serving()
            assert server.is_serving()
            assert await ask(address_of(server)) == b"hello"

    hoop.run(main())


def test_a_closed_server_accepts_nothing() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        address = address_of(server)
        server.close()
        server.close()
        assert not server.is_serving() and server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await ask(address)
        await server.wait_closed()

    hoop.run(main())


def test_closing_leaves_the_connections_alone() -> None:
    async def main() -> None:
        service = Service()
        server = await asyncio.get_running_loop().create_server(service, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*address_of(server))
        await service.connected(1)
        server.close()
        writer.write(b"hello")
        protocol = service.protocols[0]
        assert await protocol.has(5) == b"hello"
        protocol.transport.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        writer.close()
        assert await protocol.lost is None

    hoop.run(main())


def test_a_protocol_factory_may_close_the_server() -> None:
    async def main() -> None:
        made: list[Recorder] = []

        def last_one() -> Recorder:
            made.append(Recorder())
            asyncio.get_running_loop().call_soon(server.close)
            return made[-1]

        server = await asyncio.get_running_loop().create_server(last_one, "127.0.0.1", 0)
        address = address_of(server)
        with socket.create_connection(address):
            while not made:
                await asyncio.sleep(0.001)
            await made[0].made
            with pytest.raises(ConnectionRefusedError):
                await ask(address)
        assert await made[0].lost is None
        assert len(made) == 1

    hoop.run(main())


def test_serving_forever_ends_when_the_server_closes() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, start_serving=False)
        forever = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.01)
        assert await ask(address_of(server)) == b"hello"
        with pytest.raises(RuntimeError, match="is already being awaited on serve_forever"):
            await server.serve_forever()
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await forever
        with pytest.raises(RuntimeError, match="is closed"):
            await server.serve_forever()

    hoop.run(main())


def test_cancelling_serve_forever_closes_the_server() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        forever = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.01)
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        assert not server.is_serving()

    hoop.run(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio waits for the connections since 3.12")
def test_wait_closed_waits_for_the_server_and_its_connections() -> None:
    async def main() -> None:
        service = Service()
        server = await asyncio.get_running_loop().create_server(service, "127.0.0.1", 0)
        waiting = asyncio.create_task(server.wait_closed())
        _, writer = await asyncio.open_connection(*address_of(server))
        await service.connected(1)
        server.close()
        await asyncio.sleep(0.01)
        assert not waiting.done()
        writer.close()
        await waiting
        await server.wait_closed()
        assert service.protocols[0].lost.done()

    hoop.run(main())


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio waits for the connections since 3.12")
def test_wait_closed_does_not_wait_for_a_closed_server() -> None:
    async def main() -> None:
        service = Service()
        server = await asyncio.get_running_loop().create_server(service, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*address_of(server))
        await service.connected(1)
        server.close()
        await server.wait_closed()
        assert not service.protocols[0].lost.done()
        writer.close()
        await service.protocols[0].lost

    hoop.run(main())


@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_server_ends_its_connections(end: str) -> None:
    async def main() -> None:
        service = Service()
        server: Any = await asyncio.get_running_loop().create_server(service, "127.0.0.1", 0)
        clients = [await asyncio.open_connection(*address_of(server)) for _ in range(3)]
        await service.connected(3)
        # More than the other end takes without reading: closing writes it first, aborting does not.
        service.protocols[0].transport.write(bytes(50_000_000))
        server.close()
        getattr(server, end)()
        assert all(protocol.transport.is_closing() for protocol in service.protocols)
        if end == "close_clients":
            assert len(await clients[0][0].read()) == 50_000_000
        for protocol in service.protocols:
            assert await protocol.lost is None
        await server.wait_closed()
        for _, writer in clients:
            writer.close()

    hoop.run(main())


def test_a_server_does_not_keep_forgotten_connections() -> None:
    async def main() -> None:
        server: Any = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 0)
        async with server:
            for _ in range(5):
                assert await ask(address_of(server)) == b""
            gc.collect()
            assert len(server._clients) == 0

    hoop.run(main())
