# SPDX-License-Identifier: MIT
"""A datagram transport whose socket is full: what waits, flow control, and what becomes of it at the end."""

import asyncio
import gc
import socket
import sys
import warnings
from pathlib import Path

import hoop
import pytest
from endpoint import LOCAL, Endpoint, close, open_endpoint, running


# ---- what cannot be sent at once ----


def full_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected datagram sockets; the first cannot send any more."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.setblocking(False)
    right.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            left.send(b"fill")
    return left, right


def drain(sock: socket.socket) -> list[bytes]:
    received = []
    try:
        while True:
            received.append(sock.recv(100_000))
    except BlockingIOError:
        return received


def test_what_cannot_be_sent_is_kept_and_the_protocol_paused_and_resumed() -> None:
    async def main(loop: hoop.Loop) -> None:
        left, right = full_pair()
        overhead = 8 if sys.version_info >= (3, 13) else 0
        with right:
            transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=left)
            assert transport.get_write_buffer_limits() == (16384, 65536)
            transport.set_write_buffer_limits(high=2500)
            assert transport.get_write_buffer_limits() == (625, 2500)
            data = bytearray(b"a" * 1000)
            transport.sendto(data)
            data[:] = b"b" * 1000
            transport.sendto(data)
            assert transport.get_write_buffer_size() == 2 * (1000 + overhead)
            assert protocol.events == ["made"]
            transport.sendto(b"c" * 1000)
            assert protocol.events == ["made", "pause"]
            received = drain(right)
            await protocol.until(lambda: "resume" in protocol.events)
            assert protocol.events == ["made", "pause", "resume"]
            assert transport.get_write_buffer_size() == 0
            received += drain(right)
            assert [block for block in received if block != b"fill"] == [b"a" * 1000, b"b" * 1000, b"c" * 1000]
            await close(protocol)

    running(main)


def test_closing_sends_what_waits_and_aborting_does_not() -> None:
    async def main(loop: hoop.Loop) -> None:
        for ends, wanted in [("close", [b"last"]), ("abort", [])]:
            left, right = full_pair()
            with right:
                transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=left)
                transport.sendto(b"last")
                getattr(transport, ends)()
                assert transport.is_closing()
                await asyncio.sleep(0.01)
                assert protocol.lost.done() == (ends == "abort")
                received = drain(right)
                assert await protocol.lost is None
                received += drain(right)
                assert [block for block in received if block != b"fill"] == wanted
                assert left.fileno() == -1

    running(main)


def test_a_unix_socket_that_is_not_connected_finds_out_that_there_is_room(tmp_path: Path) -> None:
    async def main(loop: hoop.Loop) -> None:
        path = str(tmp_path / "receiver")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(path)
            receiver.setblocking(False)
            transport, protocol = await open_endpoint(family=socket.AF_UNIX)
            count = 0
            while transport.get_write_buffer_size() == 0:
                transport.sendto(b"%d" % count, path)
                count += 1
            transport.sendto(b"%d" % count, path)
            received: list[bytes] = []
            while len(received) < count + 1:
                received += drain(receiver)
                await asyncio.sleep(0.001)
            assert received == [b"%d" % number for number in range(count + 1)]
            await close(protocol)

    running(main)


def test_sending_after_the_end_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main(_: hoop.Loop) -> None:
        server, receiving = await open_endpoint(local_addr=LOCAL)
        client, sending = await open_endpoint(remote_addr=server.get_extra_info("sockname"))
        client.close()
        client.close()
        for _ in range(10):
            client.sendto(b"x")
        await sending.lost
        client.sendto(b"x")
        await close(receiving)
        assert receiving.received == []

    running(main)
    assert "socket.send() raised exception." in caplog.text


# ---- ends ----


def test_a_loop_that_ends_with_datagrams_waiting() -> None:
    left, right = full_pair()

    async def main(loop: hoop.Loop) -> None:
        transport, _ = await loop.create_datagram_endpoint(Endpoint, sock=left)
        transport.sendto(b"x")

    with right, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        running(main)
        gc.collect()
    assert any(str(warning.message).startswith("unclosed transport") for warning in caught)
    assert left.fileno() == -1
