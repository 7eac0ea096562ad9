# SPDX-License-Identifier: MIT
"""TLS over sockets: much data, peers of other kinds, other transports below, and many connections."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import random
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import hoop
import pytest
from hoop import _core
from tls_pair import Certificates

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(certificates: Certificates, talk: Talk, **options: Any) -> AsyncIterator[int]:
    """The port of a server that talks TLS."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=certificates.server(), **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connect(certificates: Certificates, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=certificates.client())


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


@contextlib.contextmanager
def blocking_server(certificates: Certificates, talk: Callable[[ssl.SSLSocket], None]) -> Iterator[int]:
    """The port of one that serves one connection in a thread, with Python's own sockets."""
    raised: list[BaseException] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def run() -> None:
        try:
            plain, _ = listener.accept()
            plain.settimeout(20)
            with certificates.server().wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as sock:
                talk(sock)
        except BaseException as exception:
            raised.append(exception)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(20)
        listener.close()
        if raised:
            raise raised[0]


def test_much_data_flows_both_ways_at_once(certificates: Certificates) -> None:
    data = random.Random(5).randbytes(3_000_000)

    async def send(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(data), 70_000):
            writer.write(data[at : at + 70_000])
            await writer.drain()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sending = asyncio.create_task(send(writer))
        digest.update(await reader.readexactly(len(data)))
        await sending
        await end(writer)

    async def main() -> bytes:
        async with serve(certificates, talk) as port:
            reader, writer = await connect(certificates, port)
            sending = asyncio.create_task(send(writer))
            received = b""
            while piece := await reader.read(50_000):
                received += piece
            await sending
            await end(writer)
            return received

    digest = hashlib.sha256()
    assert hoop.run(main()) == data
    assert digest.digest() == hashlib.sha256(data).digest()


def test_a_writer_waits_for_a_reader_that_is_slow(certificates: Certificates) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=100_000)
        for number in range(400):
            writer.write(bytes([number % 256]) * 50_000)
            await writer.drain()
            waiting.append(writer.transport.get_write_buffer_size())
        await end(writer)

    async def main() -> None:
        async with serve(certificates, talk) as port:
            reader, writer = await connect(certificates, port)
            while len(waiting) == 0 or waiting_grows():
                await asyncio.sleep(0.01)
            assert len(waiting) < 400
            for number in range(400):
                assert await reader.readexactly(50_000) == bytes([number % 256]) * 50_000
            assert await reader.read() == b""
            await end(writer)

    def waiting_grows() -> bool:
        grows = len(waiting) > seen[0]
        seen[0] = len(waiting)
        return grows

    waiting: list[int] = []
    seen = [0]
    hoop.run(main())
    assert len(waiting) == 400 and max(waiting) <= 100_000


def test_both_ends_say_that_they_close(certificates: Certificates) -> None:
    def talk(sock: ssl.SSLSocket) -> None:
        assert sock.recv(100) == b"question"
        sock.sendall(b"answer")
        assert sock.recv(100) == b""  # and no error: the end was announced
        sock.unwrap()

    async def main(port: int) -> None:
        reader, writer = await connect(certificates, port)
        writer.write(b"question")
        assert await reader.readexactly(6) == b"answer"
        await end(writer)

    with blocking_server(certificates, talk) as port:
        hoop.run(main(port))


def test_the_peer_may_close_first(certificates: Certificates) -> None:
    def talk(sock: ssl.SSLSocket) -> None:
        sock.sendall(b"x" * 200_000)
        sock.unwrap()  # which waits for the answer

    async def main(port: int) -> None:
        reader, writer = await connect(certificates, port)
        assert await reader.read() == b"x" * 200_000
        await end(writer)

    with blocking_server(certificates, talk) as port:
        hoop.run(main(port))


def test_an_aborted_connection_is_an_error_to_the_peer(certificates: Certificates) -> None:
    def talk(sock: ssl.SSLSocket) -> None:
        sock.sendall(b"x")
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            sock.recv(100)

    async def main(port: int) -> None:
        reader, writer = await connect(certificates, port)
        assert await reader.readexactly(1) == b"x"
        writer.transport.abort()
        await writer.wait_closed()

    with blocking_server(certificates, talk) as port:
        hoop.run(main(port))


def test_a_reset_by_the_peer_is_told(certificates: Certificates) -> None:
    def talk(sock: ssl.SSLSocket) -> None:
        sock.sendall(b"x")
        assert sock.recv(100) == b"y"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def main(port: int) -> None:
        reader, writer = await connect(certificates, port)
        assert await reader.readexactly(1) == b"x"
        writer.write(b"y")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        with pytest.raises(ConnectionResetError):
            await end(writer)

    with blocking_server(certificates, talk) as port:
        hoop.run(main(port))


def test_a_server_goes_on_after_handshakes_that_fail(certificates: Certificates) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await end(writer)

    async def main() -> None:
        async with serve(certificates, talk) as port:
            for _ in range(3):
                with pytest.raises(ssl.SSLCertVerificationError, match="self.signed certificate in certificate chain"):
                    await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"no TLS\n")
                await reader.read()
                await end(writer)
            reader, writer = await connect(certificates, port)
            writer.write(b"line\n")
            assert await reader.readline() == b"line\n"
            await end(writer)

    hoop.run(main())


def test_tls_inside_tls_carries_much_data(certificates: Certificates) -> None:
    data = random.Random(6).randbytes(1_000_000)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(certificates.server())
        writer.write(await reader.readexactly(len(data)))
        await end(writer)

    async def main() -> None:
        async with serve(certificates, talk) as port:
            reader, writer = await connect(certificates, port)
            outer = writer.transport
            await writer.start_tls(certificates.client(), server_hostname="localhost")
            assert type(outer) is type(writer.transport) is _core.SSLTransport and outer is not writer.transport
            assert writer.get_extra_info("ssl_object") is not outer.get_extra_info("ssl_object")
            assert writer.get_extra_info("peername") == ("127.0.0.1", port)
            writer.write(data)
            assert await reader.read() == data
            await end(writer)
            assert outer.is_closing()

    hoop.run(main())


def test_a_file_is_sent_through_tls(certificates: Certificates, tmp_path: Path) -> None:
    data = random.Random(7).randbytes(700_000)
    path = tmp_path / "file"
    path.write_bytes(data)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with path.open("rb") as file:
            assert await asyncio.get_running_loop().sendfile(writer.transport, file) == len(data)
        with path.open("rb") as file, pytest.raises(asyncio.SendfileNotAvailableError):
            await asyncio.get_running_loop().sendfile(writer.transport, file, fallback=False)
        await end(writer)

    async def main() -> None:
        async with serve(certificates, talk) as port:
            reader, writer = await connect(certificates, port)
            assert await reader.read() == data
            await end(writer)

    hoop.run(main())


def test_a_loop_of_asyncio_can_use_it_too(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport below is then one that is written in Python."""
    monkeypatch.setattr("asyncio.sslproto.SSLProtocol", _core.TlsProtocol)
    data = random.Random(8).randbytes(1_000_000)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert type(writer.transport) is _core.SSLTransport
        writer.write(await reader.readexactly(len(data)))
        await end(writer)

    async def main() -> None:
        async with serve(certificates, talk) as port:
            reader, writer = await connect(certificates, port)
            writer.write(data)
            assert await reader.read() == data
            await end(writer)

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())


def test_a_thousand_connections_leave_nothing(certificates: Certificates) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await end(writer)

    async def main() -> int:
        context = certificates.client()

        async def ask(port: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"line\n")
            assert await reader.readline() == b"line\n"
            await end(writer)

        async def count_after(connections: int, port: int) -> int:
            for _ in range(connections // 20):
                await asyncio.gather(*(ask(port) for _ in range(20)))
            await asyncio.sleep(0.05)  # the server's side ends
            gc.collect()
            return len(gc.get_objects())

        async with serve(certificates, talk, backlog=20) as port:
            before = await count_after(60, port)
            return await count_after(1000, port) - before

    assert hoop.run(main()) < 100


def test_a_refused_certificate_leaves_nothing_for_the_collector(certificates: Certificates) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("the handshake must fail")

    def transports() -> int:
        return sum(type(thing) is _core.StreamTransport for thing in gc.get_objects())

    async def main() -> None:
        async with serve(certificates, talk) as port:
            before = transports()
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
            async with asyncio.timeout(10):
                while transports() > before:
                    await asyncio.sleep(0.01)

    gc.collect()
    gc.disable()
    try:
        hoop.run(main())
    finally:
        gc.enable()
