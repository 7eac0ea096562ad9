# SPDX-License-Identifier: MIT
"""Unix domain sockets: connections, servers, and the files that come and go with them."""

import asyncio
import errno
import logging
import os
import pathlib
import socket
import sys
from typing import Any

import hoop
import pytest
from protocols import Echo, Recorder
from tls_identity import client_context, server_context

CLEANS_UP = sys.version_info >= (3, 13)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "socket")


async def ask(path: Any) -> bytes:
    """What an echo answers by way of PATH."""
    transport, protocol = await asyncio.get_running_loop().create_unix_connection(Recorder, path)
    transport.write(b"hello")
    answer: bytes = await protocol.has(5)
    transport.close()
    await protocol.lost
    return answer


def test_a_server_answers_at_its_path(path: str) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_unix_server(Echo, path)
        async with server:
            assert isinstance(server, asyncio.Server) and server.is_serving()
            assert [sock.getsockname() for sock in server.sockets] == [path]
            assert await ask(path) == b"hello"

    hoop.run(main())


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_paths_may_be_of_any_kind(path: str, kind: Any) -> None:
    async def main() -> None:
        async with await asyncio.get_running_loop().create_unix_server(Echo, kind(path)):
            assert await ask(kind(path)) == b"hello"

    hoop.run(main())


@pytest.mark.parametrize("kind", [str, os.fsencode])
def test_an_abstract_address_has_no_file(kind: Any) -> None:
    address = kind(f"\0hoop-test-{os.getpid()}")

    async def main() -> None:
        async with await asyncio.get_running_loop().create_unix_server(Echo, address):
            assert await ask(address) == b"hello"

    hoop.run(main())


def test_sockets_are_taken_over(path: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        listening, connected = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        listening.bind(path)
        async with await loop.create_unix_server(Echo, sock=listening):
            connected.connect(path)
            transport, protocol = await loop.create_unix_connection(Recorder, sock=connected)
            transport.write(b"hello")
            assert await protocol.has(5) == b"hello"
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_streams_work(path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"hello\n")
            assert await reader.read() == b"HELLO\n"
            writer.close()
            await writer.wait_closed()

    hoop.run(main())


def test_tls_works(path: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with await loop.create_unix_server(Echo, path, ssl=server_context()):
            transport, protocol = await loop.create_unix_connection(
                Recorder, path, ssl=client_context(), server_hostname="localhost"
            )
            assert transport.get_extra_info("ssl_object") is not None
            transport.write(b"secret")
            assert await protocol.has(6) == b"secret"
            transport.close()
            await protocol.lost

    hoop.run(main())


def test_nobody_at_a_path_is_an_error(path: str) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await ask(path)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        with pytest.raises(ConnectionRefusedError):
            await ask(path)

    hoop.run(main())


# ---- files ----


def test_a_stale_socket_is_replaced(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)

    async def main() -> None:
        async with await asyncio.get_running_loop().create_unix_server(Echo, path):
            assert await ask(path) == b"hello"

    hoop.run(main())


def test_a_file_that_is_no_socket_stays(path: str) -> None:
    pathlib.Path(path).write_text("precious")

    async def main() -> None:
        with pytest.raises(OSError, match="Address '.*' is already in use") as caught:
            await asyncio.get_running_loop().create_unix_server(Echo, path)
        assert caught.value.errno == errno.EADDRINUSE

    hoop.run(main())
    assert pathlib.Path(path).read_text() == "precious"


def test_a_path_that_cannot_be_looked_at_is_logged(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()

    async def main() -> None:
        with pytest.raises(NotADirectoryError):
            await asyncio.get_running_loop().create_unix_server(Echo, tmp_path / "file" / "socket")

    hoop.run(main())
    assert "Unable to check or remove stale UNIX socket" in caplog.text


@pytest.mark.parametrize(
    ("keywords", "goes"), [({}, CLEANS_UP), ({"cleanup_socket": True}, True), ({"cleanup_socket": False}, False)]
)
def test_the_file_goes_with_the_server_if_wanted(path: str, keywords: Any, goes: bool) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_unix_server(Echo, path, **keywords)
        assert os.path.exists(path)
        server.close()
        assert os.path.exists(path) != goes

    hoop.run(main())


def test_the_file_of_a_socket_that_was_handed_over_goes_as_well(path: str) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            server = await loop.create_unix_server(Echo, sock=sock, cleanup_socket=True)
            server.close()
        assert not os.path.exists(path)

    hoop.run(main())


def test_a_file_that_is_anothers_by_now_stays(path: str) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, path, cleanup_socket=True)
        os.rename(path, path + ".old")
        async with await loop.create_unix_server(Echo, path, cleanup_socket=True):
            server.close()
            assert await ask(path) == b"hello"

    hoop.run(main())


def test_a_file_that_is_gone_already_is_no_problem(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        server = await loop.create_unix_server(Echo, path, cleanup_socket=True)
        os.unlink(path)
        server.close()

    with caplog.at_level(logging.DEBUG):
        hoop.run(main(), debug=False)
    assert "UNIX socket" not in caplog.text


# ---- arguments ----


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({}, ValueError, "no path and sock were specified"),
        ({"path": "a", "ssl": True}, ValueError, "you have to pass server_hostname when using ssl"),
        ({"path": "a", "server_hostname": "a"}, ValueError, "server_hostname is only meaningful with ssl"),
        ({"path": "a", "ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only meaningful with ssl"),
        ({"path": "a", "ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only meaningful with ssl"),
    ],
)
def test_a_connection_refuses_arguments_that_make_no_sense(keywords: Any, error: type[Exception], words: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=words):
            await asyncio.get_running_loop().create_unix_connection(Echo, **keywords)

    hoop.run(main())


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({}, ValueError, "path was not specified, and no sock specified"),
        ({"path": "a", "ssl": True}, TypeError, "ssl argument must be an SSLContext or None"),
        ({"path": "a", "ssl_handshake_timeout": 1}, ValueError, "ssl_handshake_timeout is only meaningful with ssl"),
        ({"path": "a", "ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only meaningful with ssl"),
    ],
)
def test_a_server_refuses_arguments_that_make_no_sense(keywords: Any, error: type[Exception], words: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=words):
            await asyncio.get_running_loop().create_unix_server(Echo, **keywords)

    hoop.run(main())


def test_other_sockets_are_refused() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with socket.socket() as internet, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            for make in (loop.create_unix_connection, loop.create_unix_server):
                for sock in (internet, datagrams):
                    with pytest.raises(ValueError, match="A UNIX Domain Stream Socket was expected, got <socket"):
                        await make(Echo, sock=sock)
                with pytest.raises(ValueError, match="path and sock can not be specified at the same time"):
                    await make(Echo, "a", sock=internet)

    hoop.run(main())
