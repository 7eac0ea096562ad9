# SPDX-License-Identifier: MIT
"""create_connection: sockets, names, errors, local addresses, TLS, cancellation."""

import asyncio
import gc
import socket
import ssl
from typing import Any

import hoop
import pytest
from attempts import open_descriptors, resolves_to
from protocols import Echo, Recorder, address_of, refused_address, silent_address
from tls_identity import client_context, server_context


# ---- connecting ----


def test_it_returns_a_connected_transport_and_its_protocol() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            transport, protocol = await loop.create_connection(Recorder, *address_of(server))
            assert isinstance(transport, asyncio.Transport)
            assert protocol.transport is transport and transport.get_protocol() is protocol
            assert protocol.events == ["made"]
            assert transport.get_extra_info("peername") == address_of(server)
            transport.write(b"hello")
            assert await protocol.has(5) == b"hello"
            transport.close()
            assert await protocol.lost is None

    hoop.run(main())


def test_an_ip_address_needs_no_resolver() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)

        async def getaddrinfo(*args: Any, **keywords: Any) -> Any:
            raise AssertionError("asked")

        loop.getaddrinfo = getaddrinfo
        async with server:
            transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", str(address_of(server)[1]))
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_a_name_is_resolved() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            port = address_of(server)[1]
            transport, protocol = await loop.create_connection(Recorder, "localhost", port, family=socket.AF_INET)
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_a_connected_socket_is_taken_over() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Recorder, sock=ours)
            assert ours.gettimeout() == 0
            theirs.send(b"hello")
            assert await protocol.has(5) == b"hello"
            theirs.close()
            assert await protocol.lost is None
            assert protocol.events == ["made", "eof", "lost"]
            assert ours.fileno() == -1

    hoop.run(main())


def test_a_resolver_that_finds_nothing_is_an_error() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.getaddrinfo = resolves_to()
        with pytest.raises(OSError, match=r"getaddrinfo\(\) returned empty list"):
            await loop.create_connection(Recorder, "somewhere.test", 1)

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({}, "host and port was not specified and no sock specified"),
        ({"host": "a", "port": 1, "server_hostname": "a"}, "server_hostname is only meaningful with ssl"),
        ({"port": 1, "ssl": True}, "You must set server_hostname when using ssl without a host"),
        ({"host": "a", "port": 1, "ssl_handshake_timeout": 1}, "ssl_handshake_timeout is only meaningful with ssl"),
        ({"host": "a", "port": 1, "ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is only meaningful with ssl"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(keywords: dict[str, Any], words: str) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=words):
            await asyncio.get_running_loop().create_connection(Recorder, **keywords)

    hoop.run(main())


def test_sockets_that_cannot_be_used_are_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
            with pytest.raises(ValueError, match="A Stream Socket was expected, got <socket"):
                await loop.create_connection(Recorder, sock=datagrams)
            with pytest.raises(ValueError, match="host/port and sock can not be specified at the same time"):
                await loop.create_connection(Recorder, "127.0.0.1", 1, sock=stream)
            with client_context().wrap_socket(stream, server_hostname="a", do_handshake_on_connect=False) as wrapped:
                with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                    await loop.create_connection(Recorder, sock=wrapped)

    hoop.run(main())


# ---- what fails ----


def test_the_only_attempt_that_failed_is_raised() -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.get_running_loop().create_connection(Recorder, *refused_address())

    hoop.run(main())


@pytest.mark.parametrize("delay", [None, 0.01])
def test_all_attempts_that_failed_are_told_of(delay: float | None) -> None:
    addresses = [refused_address() for _ in range(2)]

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.getaddrinfo = resolves_to(*addresses)
        with pytest.raises(OSError, match="Multiple exceptions: .*Connect call failed.*, .*Connect call failed"):
            await loop.create_connection(Recorder, "somewhere.test", 1, happy_eyeballs_delay=delay)
        with pytest.raises(ExceptionGroup, match="create_connection failed") as caught:
            await loop.create_connection(
                Recorder, "somewhere.test", 1, happy_eyeballs_delay=delay, all_errors=True
            )
        assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2

    hoop.run(main())


def test_attempts_that_failed_alike_are_one_error() -> None:
    address = refused_address()

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.getaddrinfo = resolves_to(address, address)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "somewhere.test", 1)

    hoop.run(main())


def test_the_next_address_is_tried_when_one_fails() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            loop.getaddrinfo = resolves_to(refused_address(), address_of(server))
            transport, protocol = await loop.create_connection(Recorder, "somewhere.test", 1)
            assert transport.get_extra_info("peername") == address_of(server)
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_errors_leave_no_garbage() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.getaddrinfo = resolves_to(refused_address(), refused_address())
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                try:
                    await loop.create_connection(Recorder, "somewhere.test", 1)
                except OSError:
                    pass
            await asyncio.sleep(0)
            assert not [found for found in gc.get_objects() if isinstance(found, ConnectionRefusedError)]
        finally:
            gc.enable()

    hoop.run(main())


def test_cancelling_gives_up_the_attempt() -> None:
    async def main() -> None:
        with silent_address() as address:
            before = open_descriptors()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.get_running_loop().create_connection(Recorder, *address)
            assert open_descriptors() == before

    hoop.run(main())


# ---- local addresses ----


def test_a_local_address_is_bound_to() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            transport, protocol = await loop.create_connection(
                Recorder, *address_of(server), local_addr=("127.0.0.7", 0)
            )
            assert transport.get_extra_info("sockname")[0] == "127.0.0.7"
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_a_local_address_that_cannot_be_bound_to_is_an_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(OSError, match=r"error while attempting to bind on address \('192.0.2.1', 0\)"):
            await loop.create_connection(Recorder, *refused_address(), local_addr=("192.0.2.1", 0))
        with pytest.raises(OSError, match="no matching local address with family=.*AF_INET.* found"):
            await loop.create_connection(Recorder, *refused_address(), local_addr=("::1", 0))

    hoop.run(main())


# ---- TLS ----


def test_a_connection_speaks_tls() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        async with server:
            transport, protocol = await loop.create_connection(
                Recorder, *address_of(server), ssl=client_context(), server_hostname="localhost"
            )
            assert isinstance(transport, asyncio.Transport)
            assert protocol.transport is transport
            assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
            transport.write(b"secret")
            assert await protocol.has(6) == b"secret"
            transport.close()
            assert await protocol.lost is None

    hoop.run(main())


def test_the_host_is_the_name_that_the_certificate_must_have() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        async with server:
            transport, protocol = await loop.create_connection(Recorder, *address_of(server), ssl=client_context())
            transport.close()
            await protocol.lost
            with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'elsewhere'"):
                await loop.create_connection(
                    Recorder, *address_of(server), ssl=client_context(), server_hostname="elsewhere"
                )

    hoop.run(main())


def test_a_certificate_of_nobody_known_ends_the_connection() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        protocols: list[Recorder] = []

        def factory() -> Recorder:
            protocols.append(Recorder())
            return protocols[-1]

        async with server:
            with pytest.raises(ssl.SSLCertVerificationError, match="self.signed certificate"):
                await loop.create_connection(factory, *address_of(server), ssl=True, server_hostname="localhost")
            assert protocols[0].events == []

    hoop.run(main())


def test_a_server_that_does_not_shake_hands_is_given_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than 0.05 seconds"):
                await loop.create_connection(
                    Recorder, *silent.getsockname(), ssl=client_context(), ssl_handshake_timeout=0.05
                )

    hoop.run(main())
