# SPDX-License-Identifier: MIT
"""create_datagram_endpoint: addresses, options, what is refused."""

import asyncio
import gc
import socket
from pathlib import Path

import hoop
import pytest
from endpoint import LOCAL, Endpoint, close, open_endpoint, running


def test_unix_paths(tmp_path: Path) -> None:
    async def main(_: hoop.Loop) -> None:
        path, other = str(tmp_path / "one"), str(tmp_path / "other")
        server, receiving = await open_endpoint(local_addr=path, family=socket.AF_UNIX)
        client, sending = await open_endpoint(local_addr=other, remote_addr=path, family=socket.AF_UNIX)
        client.sendto(b"x")
        await receiving.until(lambda: bool(receiving.received))
        assert receiving.received == [(b"x", other)]
        server.sendto(b"y", other)
        await sending.until(lambda: bool(sending.received))
        assert sending.received == [(b"y", path)]
        await close(receiving, sending)
        # What was left is removed first.
        _, again = await open_endpoint(local_addr=path, family=socket.AF_UNIX)
        await close(again)
        with pytest.raises(TypeError, match="string is expected"):
            await open_endpoint(local_addr=("127.0.0.1", 0), family=socket.AF_UNIX)

    running(main)


def test_a_name_is_looked_up() -> None:
    async def main(_: hoop.Loop) -> None:
        server, receiving = await open_endpoint(local_addr=LOCAL)
        port = server.get_extra_info("sockname")[1]
        client, sending = await open_endpoint(remote_addr=("localhost", port), family=socket.AF_INET)
        client.sendto(b"x")
        await receiving.until(lambda: bool(receiving.received))
        await close(receiving, sending)

    running(main)


def test_options_of_the_socket() -> None:
    async def main(_: hoop.Loop) -> None:
        first, one = await open_endpoint(local_addr=LOCAL, reuse_port=True, allow_broadcast=True)
        own = first.get_extra_info("sockname")
        assert first.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        _, two = await open_endpoint(local_addr=own, reuse_port=True)
        with pytest.raises(OSError, match="in use"):
            await open_endpoint(local_addr=own)
        # To where broadcasts go the socket is not connected, but each datagram goes there.
        third, three = await open_endpoint(remote_addr=own, allow_broadcast=True)
        assert third.get_extra_info("peername") is None
        third.sendto(b"x")
        with pytest.raises(ValueError, match="Invalid address"):
            third.sendto(b"x", LOCAL)
        _, four = await open_endpoint(family=socket.AF_INET)
        await close(one, two, three, four)

    running(main)


def test_bad_arguments_are_refused() -> None:
    async def main(_: hoop.Loop) -> None:
        with pytest.raises(ValueError, match="unexpected address family"):
            await open_endpoint()
        with pytest.raises(TypeError, match="2-tuple is expected"):
            await open_endpoint(local_addr="127.0.0.1")
        with pytest.raises(ValueError, match="can not get address information"):
            await open_endpoint(local_addr=("::1", 0), remote_addr=LOCAL)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            with pytest.raises(ValueError, match=r"can not be used when sock is specified. \(local_addr="):
                await open_endpoint(local_addr=LOCAL, sock=sock)
            with pytest.raises(ValueError, match=r"\(reuse_port=True\)"):
                await open_endpoint(reuse_port=True, sock=sock)
        with socket.socket() as stream, pytest.raises(ValueError, match="(datagram|UDP).* was expected, got"):
            await open_endpoint(sock=stream)

    running(main)


def test_a_protocol_that_cannot_be_made_leaves_nothing_open() -> None:
    def fail() -> asyncio.DatagramProtocol:
        raise ZeroDivisionError

    async def main(loop: hoop.Loop) -> None:
        with pytest.raises(ZeroDivisionError):
            await loop.create_datagram_endpoint(fail, local_addr=LOCAL)
        gc.collect()

    running(main)


def test_a_socket_of_another_transport_stays_its_own() -> None:
    async def main(loop: hoop.Loop) -> None:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(LOCAL)
        transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=sock)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.create_datagram_endpoint(Endpoint, sock=sock)
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        await protocol.until(lambda: bool(protocol.received))
        await close(protocol)

    running(main)
