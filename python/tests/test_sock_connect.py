# SPDX-License-Identifier: MIT
"""sock_connect and sock_accept: TCP and Unix sockets, names, refused connections."""

import asyncio
import socket
from pathlib import Path

import hoop
import pytest
from socket_pairs import running


def test_connecting_and_accepting() -> None:
    async def main(loop: hoop.Loop) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            listener.setblocking(False)
            client.setblocking(False)
            accepting = asyncio.create_task(loop.sock_accept(listener))
            await asyncio.sleep(0)
            assert await loop.sock_connect(client, listener.getsockname()) is None
            server, address = await accepting
            with server:
                assert address == client.getsockname()
                assert server.gettimeout() == 0
                await loop.sock_sendall(client, b"x")
                assert await loop.sock_recv(server, 1) == b"x"

    running(main)


def test_a_name_is_looked_up_to_connect() -> None:
    async def main(loop: hoop.Loop) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", listener.getsockname()[1]))
            assert client.getpeername() == listener.getsockname()

    running(main)


def test_a_refused_connection_names_the_address() -> None:
    async def main(loop: hoop.Loop) -> None:
        with socket.socket() as unused, socket.socket() as client:
            unused.bind(("127.0.0.1", 0))
            address = unused.getsockname()
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError) as raised:
                await loop.sock_connect(client, address)
            assert str(raised.value).endswith(f"Connect call failed {address}")

    running(main)


def test_unix_sockets_connect(tmp_path: Path) -> None:
    async def main(loop: hoop.Loop) -> None:
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            with pytest.raises(FileNotFoundError):
                await loop.sock_connect(client, path)
            listener.bind(path)
            listener.listen()
            listener.setblocking(False)
            await loop.sock_connect(client, path)
            server, _ = await loop.sock_accept(listener)
            server.close()

    running(main)
