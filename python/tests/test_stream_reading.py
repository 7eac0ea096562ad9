# SPDX-License-Identifier: MIT
"""A stream transport reads: sizes, turns, pauses, the end of the data and connections that break."""

import logging
import os
import socket
import struct
from typing import Any

import hoop
import pytest
from stream_recorder import Buffered, Pair, Recorder, close, connect, pair, tcp_pair, told_problems, turn


@pytest.mark.parametrize("kind", [Recorder, Buffered])
@pytest.mark.parametrize("size", [1, 99, 100, 101, 16383, 16384, 16385, 1_000_000])
def test_what_is_sent_is_received(loop: hoop.Loop, pair: Pair, kind: type[Recorder], size: int) -> None:
    near, far = pair
    protocol = connect(loop, near, kind)
    data = os.urandom(size)
    far.setblocking(False)
    sent = 0
    while len(protocol.received) < size:
        try:
            sent += far.send(data[sent:]) if sent < size else 0
        except BlockingIOError:
            pass
        protocol.wait("data")
    assert protocol.received == data
    far.close()
    protocol.wait("lost")
    assert protocol.told[-2:] == ["eof", "lost"] and protocol.exception is None


def test_large_reads_follow_large_messages(loop: hoop.Loop) -> None:
    class Sizes(Recorder):
        def data_received(self, data: bytes) -> None:
            sizes.append(len(data))
            super().data_received(data)

    sizes: list[int] = []
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    far.setblocking(False)
    protocol = connect(loop, near, Sizes)
    for _ in range(20):
        sent = far.send(bytes(200_000))
        turn(loop, 30)
        assert len(protocol.received) == sent
        protocol.received.clear()
    assert max(sizes[-5:]) > 65536
    far.send(b"small")
    protocol.wait("data")
    assert sizes[-1] == 5
    far.close()
    protocol.wait("lost")


def test_a_busy_connection_lets_others_run_in_between(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    far.setblocking(False)
    order: list[str] = []

    class Busy(Recorder):
        def data_received(self, data: bytes) -> None:
            order.append("data")
            loop.call_soon(order.append, "callback")

    protocol.transport.set_protocol(Busy(loop))
    far.send(bytes(100_000))
    turn(loop, 10)
    reads = order.count("data")
    assert reads > 1 and order == ["data", "callback"] * reads
    close(protocol)


def test_descriptors_that_come_with_the_data_do_not_hide_what_follows(loop: hoop.Loop) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    protocol = connect(loop, near)
    socket.send_fds(far, [b"first"], [far.fileno()])
    far.send(b"second")
    turn(loop, 5)
    assert protocol.received == b"firstsecond"
    far.close()
    protocol.wait("lost")


def test_while_paused_nothing_is_read_and_nothing_is_lost(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    transport = protocol.transport
    assert transport.is_reading()
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.is_reading()
    far.send(b"while paused")
    turn(loop, 5)
    assert protocol.told == ["made"]
    transport.resume_reading()
    transport.resume_reading()
    assert transport.is_reading()
    protocol.wait("data")
    transport.pause_reading()
    far.send(b", and again")
    far.close()
    turn(loop, 5)
    assert protocol.told == ["made", "data"]
    transport.resume_reading()
    protocol.wait("lost")
    assert protocol.received == b"while paused, and again" and protocol.told == ["made", "data", "data", "eof", "lost"]
    assert not transport.is_reading()
    transport.pause_reading()
    transport.resume_reading()


def test_a_protocol_may_pause_from_its_first_call_on(loop: hoop.Loop, pair: Pair) -> None:
    class Pausing(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    pair[1].send(b"x" * 100_000)
    protocol = connect(loop, pair[0], Pausing)
    turn(loop, 5)
    assert protocol.told == ["made"]
    protocol.transport.resume_reading()
    protocol.wait("data")
    close(protocol)


def test_pausing_in_the_middle_of_data_stops_at_once(loop: hoop.Loop, pair: Pair) -> None:
    class OneAtATime(Recorder):
        def data_received(self, data: bytes) -> None:
            self.transport.pause_reading()
            super().data_received(data)

    protocol = connect(loop, pair[0], OneAtATime)
    pair[1].send(bytes(100_000))
    turn(loop, 5)
    assert protocol.told.count("data") == 1
    while len(protocol.received) < 100_000:
        protocol.transport.resume_reading()
        protocol.wait("data")
    close(protocol)


def test_the_other_ends_end_closes_the_connection_unless_the_protocol_keeps_it(loop: hoop.Loop, pair: Pair) -> None:
    class Keeping(Recorder):
        def eof_received(self) -> bool:
            super().eof_received()
            return True

    near, far = pair
    protocol = connect(loop, near, Keeping)
    far.shutdown(socket.SHUT_WR)
    protocol.wait("eof")
    turn(loop, 5)
    assert protocol.told == ["made", "eof"] and not protocol.transport.is_closing()
    protocol.transport.write(b"answer")
    assert far.recv(100) == b"answer"
    protocol.transport.close()
    protocol.wait("lost")
    assert far.recv(100) == b"" and protocol.told == ["made", "eof", "lost"]


def test_a_protocol_that_is_set_after_the_end_of_data_is_told_of_it_once_reading_resumes(
    loop: hoop.Loop, pair: Pair
) -> None:
    class Keeping(Recorder):
        def eof_received(self) -> bool:
            super().eof_received()
            return True

    protocol = connect(loop, pair[0], Keeping)
    pair[1].shutdown(socket.SHUT_WR)
    protocol.wait("eof")
    protocol.transport.pause_reading()
    second = Recorder(loop)
    protocol.transport.set_protocol(second)
    protocol.transport.resume_reading()
    second.wait("lost")
    assert second.told == ["eof", "lost"] and protocol.told == ["made", "eof"]


def test_a_connection_reset_is_told_and_not_reported(
    loop: hoop.Loop, caplog: pytest.LogCaptureFixture
) -> None:
    near, far = tcp_pair()
    near.setblocking(False)
    problems = told_problems(loop)
    protocol = connect(loop, near)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    protocol.wait("lost")
    assert isinstance(protocol.exception, ConnectionResetError) and protocol.told == ["made", "lost"]
    assert not problems and not caplog.records


def test_in_debug_mode_a_connection_reset_is_logged(loop: hoop.Loop, caplog: pytest.LogCaptureFixture) -> None:
    near, far = tcp_pair()
    near.setblocking(False)
    protocol = connect(loop, near)
    caplog.set_level(logging.DEBUG, "asyncio")
    loop.set_debug(True)
    protocol.transport.pause_reading()
    protocol.transport.resume_reading()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    protocol.wait("lost")
    messages = [record.getMessage() for record in caplog.records]
    assert any("pauses reading" in text for text in messages) and any("resumes reading" in text for text in messages)
    (failure,) = [record for record in caplog.records if "Fatal read error on socket transport" in record.getMessage()]
    assert failure.exc_info is not None and failure.exc_info[0] is ConnectionResetError
