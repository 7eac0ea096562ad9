# SPDX-License-Identifier: MIT
"""Servers when something fails: factories, protocols, the system's limits, TLS handshakes."""

import asyncio
import errno
import os
import resource
import socket
import sys
from typing import Any

import hoop
import pytest
from protocols import Echo, Recorder, address_of
from service import Service, ask
from tls_identity import client_context, server_context


class Problems:
    """What a loop's exception handler is told."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.contexts: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda loop, context: self.contexts.append(context))


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
