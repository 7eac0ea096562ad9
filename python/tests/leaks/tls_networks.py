# SPDX-License-Identifier: MIT
"""Operations of the loop on TLS connections, both ends in this process: each does COUNT of what its name says."""

import asyncio
import contextlib
import ssl
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from conversations import Asker, Body, Echo, address, gone, many, serve_lines  # noqa: E402
from tls_pair import Certificates  # noqa: E402

_folder = tempfile.TemporaryDirectory()
_certificates = Certificates(Path(_folder.name))


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's; the server keeps no sessions, which would be a cache that grows."""
    server, client = _certificates.server(), _certificates.client()
    server.num_tickets = 0
    server.options |= ssl.OP_NO_TICKET
    return server, client


async def tls_handshakes(count: int) -> None:
    loop = asyncio.get_running_loop()
    server_context, client_context = _contexts()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        _, protocol = await loop.create_connection(
            Asker, host, port, ssl=client_context, server_hostname="localhost"
        )
        await protocol.lost

    async with server:
        await many(count, one)
        await gone()


async def tls_streams(count: int) -> None:
    server_context, client_context = _contexts()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port, ssl=client_context, server_hostname="localhost")
        writer.write(b"how are you?\n")
        assert await reader.readline() == b"how are you?\n"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    async with server:
        await many(count, one)
        await gone()


async def tls_by_start_tls(count: int) -> None:
    server_context, client_context = _contexts()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"go\n")
        await writer.start_tls(server_context)
        await serve_lines(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"tls\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(client_context, server_hostname="localhost")
        writer.write(b"how are you?\n")
        assert await reader.readline() == b"how are you?\n"
        writer.close()
        await writer.wait_closed()

    async with server:
        await many(count, one)
        await gone()


async def tls_handshakes_that_fail(count: int) -> None:
    """A client that does not know the server's authority, and one that speaks no TLS."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    server_context, _ = _contexts()
    stranger = ssl.create_default_context()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        try:
            await asyncio.open_connection(host, port, ssl=stranger, server_hostname="localhost")
        except ssl.SSLCertVerificationError:
            pass
        else:
            raise AssertionError("a certificate of nobody's was accepted")
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello, is this the post office?\n")
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with server:
        await many(count // 2, one)
        await gone()


async def tls_connections_that_are_aborted(count: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    server_context, client_context = _contexts()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context, backlog=1000)
    host, port = address(server)
    number = 0

    async def one() -> None:
        nonlocal number
        number += 1
        connecting = loop.create_task(
            loop.create_connection(asyncio.Protocol, host, port, ssl=client_context, server_hostname="localhost")
        )
        if number % 2:
            transport, _ = await connecting
            transport.write(bytes(100_000))
            transport.abort()
        else:
            for _ in range(number % 14):
                await asyncio.sleep(0)
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                transport, _ = await connecting
                transport.close()

    async with server:
        await many(count, one)
        await gone()


# Each with the part of the full count that it does.
BODIES: list[tuple[Body, float]] = [
    (tls_handshakes, 1),
    (tls_streams, 0.2),
    (tls_by_start_tls, 0.2),
    (tls_handshakes_that_fail, 0.2),
    (tls_connections_that_are_aborted, 0.2),
]
