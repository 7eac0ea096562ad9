# SPDX-License-Identifier: MIT
"""create_server and its Server: sockets, connections, closing, serve_forever, errors, TLS."""

import asyncio
import contextvars
import errno
import gc
import os
import resource
import socket
import sys
from typing import Any

import hoop
import pytest
from asyncio.trsock import TransportSocket
from protocols import Echo, Recorder, address_of
from tls_identity import client_context, server_context

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")


class Service:
    """A factory that keeps the protocols it made."""

    def __init__(self) -> None:
        self.protocols: list[Recorder] = []

    def __call__(self) -> Recorder:
        self.protocols.append(Recorder())
        return self.protocols[-1]

    async def connected(self, count: int) -> None:
        while [protocol.events for protocol in self.protocols] != [["made"]] * count:
            await asyncio.sleep(0.001)


async def ask(address: Any, question: bytes = b"hello") -> bytes:
    """What a server says until it hangs up; it is told the end of the question."""
    reader, writer = await asyncio.open_connection(*address[:2])
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


class Problems:
    """What a loop's exception handler is told."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.contexts: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda loop, context: self.contexts.append(context))


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


# ---- when it serves ----


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


# ---- what fails ----


@pytest.mark.parametrize("debug", [False, True])
def test_a_factory_that_fails_costs_its_connection_only(debug: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        problems = Problems(loop)
        fails = [True, False]

        def factory() -> Echo:
            if fails.pop(0):
                raise LookupError("no protocol")
            return Echo()

        server = await loop.create_server(factory, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*address_of(server))
            assert await reader.read() == b""
            writer.close()
            assert await ask(address_of(server)) == b"hello"
        if debug:
            (context,) = problems.contexts
            assert context["message"] == "Error on transport creation for incoming connection"
            assert isinstance(context["exception"], LookupError)
            assert "protocol" not in context and "transport" not in context
        else:
            assert problems.contexts == []

    hoop.run(main(), debug=debug)


def test_connection_made_that_fails_is_reported() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        problems = Problems(loop)

        class Failing(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                raise LookupError("not made")

        server = await loop.create_server(Failing, "127.0.0.1", 0)
        async with server:
            assert await ask(address_of(server)) == b""
        assert [type(context["exception"]) for context in problems.contexts] == [LookupError]

    hoop.run(main())


def test_a_factory_may_end_the_program() -> None:
    def leave() -> asyncio.Protocol:
        sys.exit(3)

    loop = hoop.new_event_loop()
    server = loop.run_until_complete(loop.create_server(leave, "127.0.0.1", 0))
    with socket.create_connection(address_of(server)) as client:
        with pytest.raises(SystemExit):
            loop.run_forever()
        assert client.recv(1) == b""
    server.close()
    loop.close()


def test_descriptors_that_run_out_are_reported_and_waited_for() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        problems = Problems(loop)
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            client = socket.socket()
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
            try:
                client.connect(address_of(server))
                while not problems.contexts:
                    await asyncio.sleep(0.001)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert problems.contexts[0]["message"] == "socket.accept() out of system resource"
            assert problems.contexts[0]["exception"].errno == errno.EMFILE
            client.setblocking(False)
            await loop.sock_sendall(client, b"hello")
            assert await loop.sock_recv(client, 5) == b"hello"
            client.close()

    hoop.run(main())


# ---- TLS ----


@pytest.mark.parametrize("debug", [False, True])
def test_a_handshake_that_fails_costs_its_connection_only(debug: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        problems = Problems(loop)
        service = Service()
        server = await loop.create_server(service, "127.0.0.1", 0, ssl=server_context())
        async with server:
            reader, writer = await asyncio.open_connection(*address_of(server))
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()
            transport, _ = await loop.create_connection(Echo, *address_of(server), ssl=client_context())
            transport.close()
            while len(service.protocols) < 2 or not service.protocols[1].lost.done():
                await asyncio.sleep(0.001)
            assert service.protocols[0].events == []
        if debug:
            context = problems.contexts[0]
            assert context["message"] == "Error on transport creation for incoming connection"
            assert context["protocol"] is service.protocols[0] and context["transport"] is not None
        else:
            assert problems.contexts == []

    hoop.run(main(), debug=debug)


def test_a_client_that_does_not_shake_hands_is_dropped() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(
            Echo, "127.0.0.1", 0, ssl=server_context(), ssl_handshake_timeout=0.05
        )
        async with server:
            reader, writer = await asyncio.open_connection(*address_of(server))
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()

    hoop.run(main())


def test_a_run_that_ends_in_a_handshake_leaves_no_connection() -> None:
    client = socket.socket()

    async def main() -> None:
        made: list[Any] = []
        server = await asyncio.get_running_loop().create_server(
            lambda: made.append(Echo()) or made[-1],  # type: ignore[func-returns-value]
            "127.0.0.1",
            0,
            ssl=server_context(),
        )
        client.connect(address_of(server))
        while not made:
            await asyncio.sleep(0.001)
        server.close()

    with client:
        hoop.run(main())
        client.settimeout(10)
        assert client.recv(1) == b""
