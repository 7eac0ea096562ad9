# SPDX-License-Identifier: MIT
"""connect_accepted_socket: connections from sockets that a program accepted itself."""

import asyncio
import socket

import hoop
import pytest
from protocols import Echo, Recorder
from tls_identity import client_context, server_context


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
