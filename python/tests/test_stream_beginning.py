# SPDX-License-Identifier: MIT
"""A stream transport's beginning: the order of the first calls, what it is and tells of itself, what is refused."""

import asyncio
import contextvars
import socket
import weakref
from typing import Any

import hoop
import pytest
from hoop import _core
from stream_recorder import Pair, Recorder, close, connect, fill, pair, tcp_pair, told_problems, turn


def test_the_protocol_is_told_first_and_then_the_waiter_and_reading_comes_last(loop: hoop.Loop, pair: Pair) -> None:
    order: list[str] = []

    class Ordered(Recorder):
        def tell(self, word: str) -> None:
            super().tell(word)
            order.append(word)

    pair[1].send(b"early")
    protocol = Ordered(loop)
    waiter = loop.create_future()
    waiter.add_done_callback(lambda _: order.append("waiter"))
    _core.StreamTransport(loop, pair[0], protocol, waiter)
    loop.call_soon(order.append, "scheduled afterwards")
    protocol.wait("data")
    turn(loop)
    assert order[:2] == ["made", "scheduled afterwards"] and sorted(order[2:]) == ["data", "waiter"]
    assert waiter.result() is None
    close(protocol)


def test_a_cancelled_waiter_is_left_alone(loop: hoop.Loop, pair: Pair) -> None:
    problems = told_problems(loop)
    waiter = loop.create_future()
    waiter.cancel()
    protocol = connect(loop, pair[0], waiter=waiter)
    assert waiter.cancelled() and not problems
    close(protocol)


def test_it_is_an_asyncio_transport_with_attributes_and_weak_references(loop: hoop.Loop, pair: Pair) -> None:
    transport = connect(loop, pair[0]).transport
    assert isinstance(transport, asyncio.Transport)
    transport.attribute = 5
    assert transport.__dict__ == {"attribute": 5} and weakref.ref(transport)() is transport
    transport.abort()
    turn(loop, 2)


def test_extra_info(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    extra = {"compression": None}
    transport = connect(loop, near, extra=extra).transport
    assert isinstance(transport.get_extra_info("socket"), asyncio.trsock.TransportSocket)
    assert transport.get_extra_info("socket").fileno() == near.fileno()
    assert transport.get_extra_info("sockname") == far.getpeername()
    assert transport.get_extra_info("peername") == far.getsockname()
    assert transport.get_extra_info("compression", 5) is None
    assert transport.get_extra_info("unknown") is None and transport.get_extra_info("unknown", default=5) == 5
    assert transport._extra is extra
    transport.abort()
    turn(loop, 2)
    assert transport.get_extra_info("peername") == far.getsockname()


def test_a_known_peername_stays(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0], extra={"peername": "known"})
    assert protocol.transport.get_extra_info("peername") == "known"
    close(protocol)


def test_tcp_sockets_send_small_writes_at_once(loop: hoop.Loop) -> None:
    near, far = tcp_pair()
    near.setblocking(False)
    protocol = connect(loop, near)
    assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    close(protocol)
    far.close()


def test_repr(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    fd = near.fileno()
    protocol = connect(loop, near)
    transport = protocol.transport
    assert repr(transport) == f"<StreamTransport fd={fd} read=polling write=<idle, bufsize=0>>"
    transport.pause_reading()
    fill(protocol)
    waiting = transport.get_write_buffer_size()
    assert repr(transport) == f"<StreamTransport fd={fd} read=idle write=<polling, bufsize={waiting}>>"
    transport.abort()
    assert repr(transport) == f"<StreamTransport closing fd={fd} read=idle write=<idle, bufsize=0>>"
    turn(loop, 2)
    assert repr(transport) == f"<StreamTransport closed fd={fd}>"


def test_wrong_arguments_are_refused_and_the_socket_stays_the_callers(loop: hoop.Loop, pair: Pair) -> None:
    near, _ = pair
    protocol = Recorder(loop)
    for arguments in [(), (loop,), (loop, near), (5, near, protocol), (loop, near, protocol, None, 5)]:
        with pytest.raises(TypeError):
            _core.StreamTransport(*arguments)
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError):
        _core.StreamTransport(loop, closed, protocol)
    transport = connect(loop, near).transport
    with pytest.raises(RuntimeError, match=f"File descriptor {near.fileno()} is used by transport <StreamTransport"):
        _core.StreamTransport(loop, near, protocol)
    transport.abort()
    turn(loop, 2)
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        _core.StreamTransport(loop, pair[1], protocol)
    assert pair[1].fileno() >= 0


def test_a_failing_connection_made_is_told_and_the_connection_goes_on(loop: hoop.Loop, pair: Pair) -> None:
    class Failing(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise ValueError("no")

    problems = told_problems(loop)
    waiter = loop.create_future()
    protocol = connect(loop, pair[0], Failing, waiter=waiter)
    (problem,) = problems
    assert isinstance(problem["exception"], ValueError) and problem["transport"] is protocol.transport
    assert waiter.done()
    pair[1].send(b"x")
    protocol.wait("data")
    close(protocol)


def test_the_end_of_the_program_in_connection_made_leaves_the_rest_for_the_next_run(
    loop: hoop.Loop, pair: Pair
) -> None:
    class Leaving(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise SystemExit

    protocol = Leaving(loop)
    waiter = loop.create_future()
    _core.StreamTransport(loop, pair[0], protocol, waiter)
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert not waiter.done()
    pair[1].send(b"x")
    protocol.wait("data")
    assert waiter.done() and protocol.told == ["made", "data"]
    close(protocol)


def test_the_protocol_is_called_in_the_context_that_the_connection_was_made_in(loop: hoop.Loop, pair: Pair) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    class Looking(Recorder):
        def tell(self, word: str) -> None:
            seen.append(variable.get())
            super().tell(word)

    context = contextvars.copy_context()
    context.run(variable.set, "of the connection")
    protocol = context.run(connect, loop, pair[0], Looking)
    pair[1].send(b"x")
    protocol.wait("data")
    pair[1].close()
    protocol.wait("lost")
    assert protocol.told == ["made", "data", "eof", "lost"] and seen == ["of the connection"] * 4
    assert variable.get() == "none"
