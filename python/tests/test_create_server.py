# SPDX-License-Identifier: MIT
"""create_server: its sockets, its options and arguments, and the connections that it accepts."""

import asyncio
import contextvars
import errno
import socket
from asyncio.trsock import TransportSocket
from typing import Any

import hoop
import pytest
from protocols import Echo, Recorder, address_of
from service import Service, ask

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")


# ---- sockets ----


def test_a_server_answers_on_a_port_of_the_systems_choice() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        assert isinstance(server, asyncio.Server)
        async with server:
            assert server.is_serving() and server.get_loop() is loop
            assert [type(sock) for sock in server.sockets] == [TransportSocket]
            assert address_of(server)[1] != 0
            assert await ask(address_of(server)) == b"hello"
        assert server.sockets == () and not server.is_serving()

    hoop.run(main())


@pytest.mark.parametrize("host", ["", None])
def test_a_server_listens_on_all_addresses(host: str | None) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, host, 0)
        async with server:
            for sock in server.sockets:
                loopback = "127.0.0.1" if sock.family == socket.AF_INET else "::1"
                assert await ask((loopback, sock.getsockname()[1])) == b"hello"
            assert socket.AF_INET in [sock.family for sock in server.sockets]

    hoop.run(main())


def test_a_server_listens_on_several_hosts_once_each() -> None:
    async def main() -> None:
        hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
        server = await asyncio.get_running_loop().create_server(Echo, hosts, 0)
        async with server:
            assert [sock.getsockname()[0] for sock in server.sockets] == ["127.0.0.1", "127.0.0.2"]
            for sock in server.sockets:
                assert await ask(sock.getsockname()) == b"hello"

    hoop.run(main())


def test_ipv6_does_not_take_the_port_of_ipv4() -> None:
    async def main() -> None:
        try:
            server = await asyncio.get_running_loop().create_server(Echo, "::1", 0)
        except OSError:
            pytest.skip("no IPv6 here")
        async with server:
            assert server.sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            assert await ask(address_of(server)) == b"hello"

    hoop.run(main())


def test_a_bound_socket_is_served() -> None:
    async def main() -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = await asyncio.get_running_loop().create_server(Echo, sock=sock)
        async with server:
            assert sock.gettimeout() == 0
            assert await ask(address_of(server)) == b"hello"
        assert sock.fileno() == -1

    hoop.run(main())


def test_a_port_in_use_is_an_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            with pytest.raises(OSError, match="error while attempting to bind on address") as caught:
                await loop.create_server(Echo, *address_of(server))
            assert caught.value.errno == errno.EADDRINUSE

    hoop.run(main())


def test_addresses_of_other_machines_do_not_count() -> None:
    """192.0.2.0/24 is for documentation: nobody has it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, ["192.0.2.1", "127.0.0.1"], 0)
        async with server:
            assert [sock.getsockname()[0] for sock in server.sockets] == ["127.0.0.1"]
        with pytest.raises(OSError, match=r"could not bind on any address out of \[\('192.0.2.1', 0\)\]"):
            await loop.create_server(Echo, "192.0.2.1", 0)

    hoop.run(main())


def test_a_port_may_be_shared() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        first = await loop.create_server(Echo, "127.0.0.1", 0, reuse_port=True)
        second = await loop.create_server(Echo, *address_of(first), reuse_port=True)
        async with first, second:
            assert address_of(first) == address_of(second)
            assert await ask(address_of(first)) == b"hello"

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "option", "value"),
    [
        ({}, socket.SO_REUSEADDR, 1),
        ({"reuse_address": True}, socket.SO_REUSEADDR, 1),
        ({"reuse_address": False}, socket.SO_REUSEADDR, 0),
        ({}, socket.SO_KEEPALIVE, 0),
        ({"keep_alive": True}, socket.SO_KEEPALIVE, 1),
        ({}, socket.SO_REUSEPORT, 0),
    ],
)
def test_socket_options_are_set(keywords: dict[str, Any], option: int, value: int) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, **keywords)
        async with server:
            assert server.sockets[0].getsockopt(socket.SOL_SOCKET, option) == value

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({}, ValueError, "Neither host/port nor sock were specified"),
        ({"port": 0, "ssl": True}, TypeError, "ssl argument must be an SSLContext or None"),
        ({"port": 0, "ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only meaningful with ssl"),
        ({"port": 0, "ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only meaningful with ssl"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(keywords: Any, error: type[Exception], words: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=words):
            await asyncio.get_running_loop().create_server(Echo, **keywords)

    hoop.run(main())


def test_sockets_that_cannot_be_used_are_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
            with pytest.raises(ValueError, match="A Stream Socket was expected, got <socket"):
                await loop.create_server(Echo, sock=datagrams)
            with pytest.raises(ValueError, match="host/port and sock can not be specified at the same time"):
                await loop.create_server(Echo, "127.0.0.1", 0, sock=stream)

    hoop.run(main())


def test_a_resolver_that_finds_nothing_is_an_error() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()

        async def getaddrinfo(*args: Any, **keywords: Any) -> list[Any]:
            return []

        loop.getaddrinfo = getaddrinfo
        with pytest.raises(OSError, match=r"getaddrinfo\('somewhere.test'\) returned empty list"):
            await loop.create_server(Echo, "somewhere.test", 0)

    hoop.run(main())


# ---- connections ----


def test_every_connection_has_a_protocol_of_its_own() -> None:
    async def main() -> None:
        service = Service()
        server = await asyncio.get_running_loop().create_server(service, "127.0.0.1", 0)
        async with server:
            clients = [await asyncio.open_connection(*address_of(server)) for _ in range(50)]
            for number, (_, writer) in enumerate(clients):
                writer.write(b"%02d" % number)
            await service.connected(50)
            got = sorted([await protocol.has(2) for protocol in service.protocols])
            assert got == [b"%02d" % number for number in range(50)]
            peers = {protocol.transport.get_extra_info("peername") for protocol in service.protocols}
            assert peers == {writer.get_extra_info("sockname") for _, writer in clients}
            for _, writer in clients:
                writer.close()
                await writer.wait_closed()
            for protocol in service.protocols:
                assert await protocol.lost is None

    hoop.run(main())


def test_more_connections_than_the_backlog_are_all_accepted() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=1)
        async with server:
            clients = [await asyncio.open_connection(*address_of(server)) for _ in range(20)]
            for number, (reader, writer) in enumerate(clients):
                writer.write(b"%02d" % number)
                assert await reader.readexactly(2) == b"%02d" % number
                writer.close()

    hoop.run(main())


def test_streams_are_served() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            assert await ask(address_of(server), b"hello\n") == b"HELLO\n"

    hoop.run(main())


def test_a_plain_connection_needs_no_task() -> None:
    async def main() -> None:
        tasks: list[set[Any]] = []

        class Watching(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                tasks.append(asyncio.all_tasks())

        service = Service()
        server = await asyncio.get_running_loop().create_server(Watching, "127.0.0.1", 0)
        async with server:
            with socket.create_connection(address_of(server)):
                while not tasks:
                    await asyncio.sleep(0.001)
            assert tasks == [{asyncio.current_task()}]
            assert not service.protocols

    hoop.run(main())


def test_protocols_see_the_context_in_which_serving_began_each_a_copy() -> None:
    seen: list[str] = []

    class Contextual(Echo):
        def __init__(self) -> None:
            seen.append(variable.get())
            variable.set("a protocol's")

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            seen.append(variable.get())

        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())
            super().data_received(data)

    async def main() -> None:
        variable.set("the server's")
        server = await asyncio.get_running_loop().create_server(Contextual, "127.0.0.1", 0)
        variable.set("afterwards")
        async with server:
            for _ in range(2):
                assert await ask(address_of(server)) == b"hello"
        assert seen == ["the server's", "a protocol's", "a protocol's"] * 2
        assert variable.get() == "afterwards"

    hoop.run(main())
