# SPDX-License-Identifier: MIT
"""create_connection and connect_accepted_socket: addresses, errors, Happy Eyeballs, TLS, cancellation."""

import asyncio
import gc
import logging
import os
import socket
import ssl
import time
from typing import Any

import hoop
import pytest
from hoop.addresses import interleave, numeric_address
from protocols import Echo, Recorder, address_of, refused_address, silent_address
from tls_identity import client_context, server_context

TCP = socket.IPPROTO_TCP


def resolves_to(*addresses: tuple[str, int]) -> Any:
    """A resolver that knows one name."""

    async def getaddrinfo(host: str, port: int, **hints: Any) -> list[Any]:
        assert host == "somewhere.test"
        families = [socket.AF_INET6 if ":" in address[0] else socket.AF_INET for address in addresses]
        return [(family, socket.SOCK_STREAM, TCP, "", address) for family, address in zip(families, addresses)]

    return getaddrinfo


def open_descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


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


def test_a_protocol_factory_that_fails_closes_the_connection() -> None:
    async def main() -> None:
        def fail() -> asyncio.Protocol:
            raise LookupError("no protocol")

        ours, theirs = socket.socketpair()
        with theirs:
            with pytest.raises(LookupError, match="no protocol"):
                await asyncio.get_running_loop().create_connection(fail, sock=ours)
            assert theirs.recv(1) == b""

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


# ---- Happy Eyeballs ----


def test_an_address_that_does_not_answer_delays_the_next_one() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            with silent_address() as silent:
                loop.getaddrinfo = resolves_to(silent, address_of(server))
                begin = time.monotonic()
                transport, protocol = await loop.create_connection(
                    Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.1
                )
                assert 0.09 <= time.monotonic() - begin < 5
                assert transport.get_extra_info("peername") == address_of(server)
                assert len(asyncio.all_tasks()) == 1
                transport.close()
                await protocol.lost

    hoop.run(main())


def test_an_address_that_fails_does_not_delay_the_next_one() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        async with server:
            loop.getaddrinfo = resolves_to(refused_address(), address_of(server))
            async with asyncio.timeout(30):
                transport, protocol = await loop.create_connection(
                    Recorder, "somewhere.test", 1, happy_eyeballs_delay=60
                )
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_the_losers_of_a_race_are_closed() -> None:
    """Also if they connected in the same moment."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        before = open_descriptors()
        socks: list[socket.socket] = []
        all_began = asyncio.Event()

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            socks.append(sock)
            if len(socks) == 3:
                all_began.set()
            await all_began.wait()
            sock.setblocking(True)
            sock.connect(address)

        async with server:
            loop.getaddrinfo = resolves_to(*[address_of(server)] * 3)
            loop.sock_connect = sock_connect
            transport, protocol = await loop.create_connection(
                Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.001
            )
            assert sorted(sock.fileno() >= 0 for sock in socks) == [False, False, True]
            transport.close()
            await protocol.lost
            server.close()
        while open_descriptors() >= before:
            await asyncio.sleep(0.001)

    hoop.run(main())


def test_a_race_can_be_cancelled() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with silent_address() as silent:
            loop.getaddrinfo = resolves_to(silent, silent, silent)
            before = open_descriptors()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await loop.create_connection(Recorder, "somewhere.test", 1, happy_eyeballs_delay=0.01)
            assert len(asyncio.all_tasks()) == 1
            assert open_descriptors() == before

    hoop.run(main())


@pytest.mark.parametrize("delay", [None, 0.01])
def test_what_is_not_an_os_error_ends_the_attempts(delay: float | None) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            raise LookupError("broken")

        loop.getaddrinfo = resolves_to(("127.0.0.1", 1))
        loop.sock_connect = sock_connect
        with pytest.raises(LookupError, match="broken"):
            await loop.create_connection(Recorder, "somewhere.test", 1, happy_eyeballs_delay=delay)

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "order"),
    [({}, "4466"), ({"interleave": 1}, "4646"), ({"interleave": 2}, "4466"), ({"happy_eyeballs_delay": 1}, "4646")],
)
def test_the_families_take_turns_if_wanted(keywords: dict[str, Any], order: str) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        tried: list[str] = []

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            tried.append("6" if ":" in address[0] else "4")
            raise OSError("not today")

        loop.getaddrinfo = resolves_to(("127.0.0.1", 1), ("127.0.0.2", 1), ("::1", 1), ("::2", 1))
        loop.sock_connect = sock_connect
        with pytest.raises(OSError, match="not today"):
            await loop.create_connection(Recorder, "somewhere.test", 1, **keywords)
        assert "".join(tried) == order

    hoop.run(main())


def test_interleaving_keeps_every_address() -> None:
    infos: list[Any] = [(family, number) for number, family in enumerate([1, 1, 1, 1, 2, 2, 3])]
    assert [number for _, number in interleave(infos, 1)] == [0, 4, 6, 1, 5, 2, 3]
    assert [number for _, number in interleave(infos, 3)] == [0, 1, 2, 4, 6, 3, 5]


# ---- numeric addresses ----


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("1.2.3.4", 80, (socket.AF_INET, ("1.2.3.4", 80))),
        (b"1.2.3.4", b"80", (socket.AF_INET, ("1.2.3.4", 80))),
        ("1.2.3.4", None, (socket.AF_INET, ("1.2.3.4", 0))),
        ("1.2.3.4", "", (socket.AF_INET, ("1.2.3.4", 0))),
        ("::3", 80, (socket.AF_INET6, ("::3", 80, 0, 0))),
        ("1.2.3.4", "http", None),
        ("::3%lo", 80, None),
        ("localhost", 80, None),
        ("a\0b", 80, None),
        (None, 80, None),
    ],
)
def test_numeric_addresses_are_known_as_such(host: Any, port: Any, expected: Any) -> None:
    info = numeric_address(host, port, 0, socket.SOCK_STREAM, 0)
    assert info == (expected and (expected[0], socket.SOCK_STREAM, TCP, "", expected[1]))


def test_numeric_addresses_are_of_the_family_and_protocol_asked_for() -> None:
    assert numeric_address("1.2.3.4", 1, socket.AF_INET6, socket.SOCK_STREAM, 0) is None
    assert numeric_address("1.2.3.4", 1, 0, socket.SOCK_RAW, 0) is None
    assert numeric_address("1.2.3.4", 1, 0, socket.SOCK_STREAM, socket.IPPROTO_SCTP) is None
    datagram = numeric_address("::1", 1, 0, socket.SOCK_DGRAM, 0, 5, 6)
    assert datagram == (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", ("::1", 1, 5, 6))


# ---- the resolver ----


def test_getaddrinfo_and_getnameinfo_ask_the_system() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert infos == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert await loop.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("no.such.name.invalid", 80, flags=socket.AI_NUMERICHOST)

    hoop.run(main())


def test_debug_mode_tells_what_is_resolved(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 1000
        await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        loop.slow_callback_duration = 0
        await loop.getaddrinfo("127.0.0.1", 81)

    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        hoop.run(main(), debug=True)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    kind = f"type={socket.SOCK_STREAM!r}"
    assert ("DEBUG", f"Get address info 127.0.0.1:80, {kind}") in told
    answers = [(level, text) for level, text in told if text.startswith("Getting address info")]
    assert [level for level, _ in answers] == ["DEBUG", "INFO"]
    assert f"127.0.0.1:80, {kind} took " in answers[0][1]


# ---- accepted sockets ----


def test_an_accepted_socket_becomes_a_connection() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.connect_accepted_socket(Echo, ours)
            assert protocol.transport is transport
            theirs.send(b"hello")
            theirs.setblocking(False)
            assert await loop.sock_recv(theirs, 10) == b"hello"
            transport.close()
            assert await loop.sock_recv(theirs, 10) == b""

    hoop.run(main())


def test_accepted_sockets_that_cannot_be_used_are_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
            with pytest.raises(ValueError, match="A Stream Socket was expected"):
                await loop.connect_accepted_socket(Echo, datagrams)
            with pytest.raises(ValueError, match="ssl_handshake_timeout is only meaningful with ssl"):
                await loop.connect_accepted_socket(Echo, stream, ssl_handshake_timeout=1)
            with pytest.raises(ValueError, match="ssl_shutdown_timeout is only meaningful with ssl"):
                await loop.connect_accepted_socket(Echo, stream, ssl_shutdown_timeout=1)
            with pytest.raises(ValueError, match="Server side SSL needs a valid SSLContext"):
                await loop.connect_accepted_socket(Echo, stream, ssl=True)  # type: ignore[arg-type]

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


def test_an_accepted_socket_may_speak_tls() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        accepting = loop.connect_accepted_socket(Echo, ours, ssl=server_context())
        connecting = loop.create_connection(Recorder, sock=theirs, ssl=client_context(), server_hostname="localhost")
        (accepted, _), (transport, protocol) = await asyncio.gather(accepting, connecting)
        transport.write(b"secret")
        assert await protocol.has(6) == b"secret"
        transport.close()
        assert await protocol.lost is None
        assert accepted.is_closing()

    hoop.run(main())
