# SPDX-License-Identifier: MIT
"""A stream transport's end: by close, by abort, by an error, with its server, and when nobody closes it."""

import errno
import gc
import os
import socket
import weakref
from typing import Any

import hoop
import pytest
from hoop import _core
from stream_recorder import Buffered, Pair, Recorder, Server, close, connect, drain_far, fill, pair, told_problems, turn


# ---- the end ----


def test_close_sends_what_was_written(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    transport = protocol.transport
    written = fill(protocol)
    transport.close()
    transport.close()
    assert transport.is_closing() and not transport.is_reading() and protocol.told == ["made"]
    turn(loop, 3)
    assert drain_far(protocol, far, len(written)) == written
    assert protocol.told == ["made", "lost"] and protocol.exception is None
    assert near.fileno() == -1 and transport.get_protocol() is None and transport._sock is None
    turn(loop, 3)
    assert protocol.told == ["made", "lost"]


def test_what_comes_after_close_is_not_read(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    fill(protocol, 1_000_000)
    protocol.transport.close()
    pair[1].send(b"too late")
    turn(loop, 3)
    assert protocol.told == ["made", "pause"] and pair[0].recv(100) == b"too late"
    close(protocol)
    assert protocol.told == ["made", "pause", "lost"]


def test_connection_lost_comes_by_the_queue(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    order = protocol.told
    loop.call_soon(order.append, "before")
    protocol.transport.close()
    protocol.transport.abort()
    loop.call_soon(order.append, "after")
    assert order == ["made"]
    turn(loop)
    assert order == ["made", "before", "lost", "after"]


def test_abort_drops_what_was_written(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    written = fill(protocol)
    protocol.transport.close()
    protocol.transport.abort()
    assert protocol.transport.get_write_buffer_size() == 0
    turn(loop)
    assert protocol.told == ["made", "lost"] and protocol.exception is None
    got = 0
    while data := pair[1].recv(1 << 20):
        got += len(data)
    assert got < len(written)


def test_force_close_tells_why(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    error = ConnectionAbortedError()
    protocol.transport._force_close(error)
    protocol.transport._force_close(ValueError())
    turn(loop)
    assert protocol.exception is error and protocol.told == ["made", "lost"]


def test_what_connection_lost_does_to_the_transport_changes_nothing(loop: hoop.Loop, pair: Pair) -> None:
    class Busy(Recorder):
        def connection_lost(self, exception: Exception | None) -> None:
            assert self.transport.get_protocol() is self and self.transport._sock is not None
            self.transport.abort()
            self.transport.close()
            self.transport.write(b"x")
            self.transport.write_eof()
            self.transport.resume_reading()
            super().connection_lost(exception)

    problems = told_problems(loop)
    protocol = connect(loop, pair[0], Busy)
    written = fill(protocol)
    protocol.transport.close()
    drain_far(protocol, pair[1], len(written))
    turn(loop, 3)
    assert protocol.told == ["made", "lost"] and not problems


def test_writing_to_a_lost_connection_is_dropped_and_at_last_complained_about(
    loop: hoop.Loop, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    near, far = pair
    protocol = connect(loop, near)
    protocol.transport.pause_reading()
    far.close()
    problems = told_problems(loop)
    while not protocol.transport.is_closing():
        protocol.transport.write(b"x")
    for _ in range(4):
        protocol.transport.write(b"x")
    assert not caplog.records
    protocol.transport.write(b"x")
    assert [record.getMessage() for record in caplog.records] == ["socket.send() raised exception."]
    protocol.transport.writelines([b"x"])
    assert len(caplog.records) == 2
    turn(loop)
    assert isinstance(protocol.exception, (BrokenPipeError, ConnectionResetError))
    assert protocol.told == ["made", "lost"] and not problems


def test_an_error_while_data_waits_ends_the_connection(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    protocol.transport.pause_reading()
    fill(protocol)
    waiter = protocol.transport._make_empty_waiter()
    protocol.transport.close()
    far.close()
    protocol.wait("lost")
    assert isinstance(protocol.exception, OSError)
    assert protocol.exception.errno in (errno.EPIPE, errno.ECONNRESET) and waiter.exception() is protocol.exception


def test_the_server_is_told_of_the_beginning_and_of_the_end(loop: hoop.Loop, pair: Pair) -> None:
    server = Server()
    protocol = connect(loop, pair[0], server=server)
    assert server.told == [("attach", protocol.transport)] and protocol.transport._server is server
    close(protocol)
    assert server.told == [("attach", protocol.transport), ("detach", protocol.transport)]
    assert protocol.transport._server is None


def test_a_server_that_refuses_leaves_the_socket_to_the_caller(loop: hoop.Loop, pair: Pair) -> None:
    class Refusing(Server):
        def _attach(self, transport: Any) -> None:
            raise ValueError("full")

    protocol = Recorder(loop)
    with pytest.raises(ValueError, match="full"):
        _core.StreamTransport(loop, pair[0], protocol, server=Refusing())
    turn(loop)
    assert protocol.told == [] and pair[0].fileno() >= 0
    close(connect(loop, pair[0]))


# ---- transports that nobody closed ----


def test_the_loop_keeps_an_open_transport_and_lets_go_when_it_is_closed(loop: hoop.Loop, pair: Pair) -> None:
    server = Server()
    protocol = connect(loop, pair[0], server=server)
    alive = weakref.ref(protocol.transport)
    protocol.transport = None
    server.told.clear()
    gc.collect()
    assert alive() is not None
    with pytest.warns(ResourceWarning, match=r"unclosed transport <StreamTransport fd=\d+>"):
        loop.close()
    assert pair[0].fileno() == -1 and pair[1].recv(1) == b""
    assert protocol.told == ["made"] and [word for word, _ in server.told] == ["detach"]
    server.told.clear()
    gc.collect()
    assert alive() is None


def test_a_transport_that_outlives_its_loop_does_no_harm(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    fill(protocol)
    loop.close()
    transport.pause_reading()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        transport.resume_reading()
    transport.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        transport.abort()
    assert transport.is_closing()
    transport.abort()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport, protocol
        gc.collect()
    assert pair[0].fileno() == -1


def test_a_transport_is_collected_with_its_loop_and_its_protocol(pair: Pair) -> None:
    loop = hoop.new_event_loop()
    protocol = connect(loop, pair[0])
    protocol.transport.cycle = protocol
    alive = [weakref.ref(protocol), weakref.ref(protocol.transport), weakref.ref(loop)]
    with pytest.warns(ResourceWarning, match="unclosed"):
        del protocol, loop
        gc.collect()
    assert [reference() for reference in alive] == [None] * 3 and pair[0].fileno() == -1


def test_a_closed_transport_is_freed_with_its_protocol(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    alive = [weakref.ref(protocol), weakref.ref(protocol.transport)]
    close(protocol)
    del protocol
    gc.collect()
    assert [reference() for reference in alive] == [None] * 2


def test_a_thousand_connections_leave_nothing_behind(loop: hoop.Loop) -> None:
    def connection(number: int) -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        protocol = connect(loop, near, Buffered if number % 2 else Recorder, server=Server(), extra={})
        far.send(b"x")
        protocol.wait("data")
        protocol.transport.write(bytes(1_000_000))
        if number % 3 == 0:
            protocol.transport.close()
        far.close()
        protocol.wait("lost")
        protocol.transport.cycle = protocol

    for number in range(20):
        connection(number)
    gc.collect()
    before = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
    for number in range(1000):
        connection(number)
    gc.collect()
    after = len(gc.get_objects()), len(os.listdir("/proc/self/fd"))
    assert after[0] - before[0] < 100 and after[1] == before[1]
