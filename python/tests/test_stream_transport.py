# SPDX-License-Identifier: MIT
"""The transport of TCP and Unix sockets: its protocol's calls and their order, both directions, flow control, the end."""

import asyncio
import contextvars
import errno
import gc
import logging
import os
import socket
import struct
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import hoop
import pytest
from hoop import _core


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    return near, far


@pytest.fixture(params=[tcp_pair, socket.socketpair], ids=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets: one for the transport, one for the test, which blocks."""
    near, far = request.param()
    near.setblocking(False)
    far.settimeout(10)
    yield near, far
    near.close()
    far.close()


class Recorder(asyncio.Protocol):
    """Keeps what it is told, and stops the loop when it is told the word that was waited for."""

    def __init__(self, loop: hoop.Loop) -> None:
        self.loop = loop
        self.told: list[Any] = []
        self.received = bytearray()
        self.awaited = ""
        self.transport: Any = None

    def tell(self, word: str) -> None:
        self.told.append(word)
        if word == self.awaited:
            self.loop.stop()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.tell("made")

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes and data
        self.received += data
        self.tell("data")

    def eof_received(self) -> bool | None:
        self.tell("eof")
        return None

    def pause_writing(self) -> None:
        self.tell("pause")

    def resume_writing(self) -> None:
        self.tell("resume")

    def connection_lost(self, exception: Exception | None) -> None:
        self.exception = exception
        self.tell("lost")

    def wait(self, word: str) -> None:
        """Runs the loop until WORD is told once more."""
        self.awaited = word
        alarm = self.loop.call_later(10, self.loop.stop)
        count = self.told.count(word)
        self.loop.run_forever()
        alarm.cancel()
        self.awaited = ""
        assert self.told.count(word) == count + 1, self.told


class Buffered(Recorder, asyncio.BufferedProtocol):
    """Lends the same buffer each time."""

    size = 100

    def __init__(self, loop: hoop.Loop) -> None:
        super().__init__(loop)
        self.buffer = bytearray(self.size)
        self.hints: list[int] = []

    def get_buffer(self, hint: int) -> bytearray:
        self.hints.append(hint)
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.received += self.buffer[:count]
        self.tell("data")


def turn(loop: hoop.Loop, times: int = 1) -> None:
    """Runs the loop until it had nothing to do; what the kernel knew by then has been handled."""
    for _ in range(times):
        loop.call_later(0.0003, loop.stop)
        loop.run_forever()


def connect(loop: hoop.Loop, sock: socket.socket, kind: type[Recorder] = Recorder, **options: Any) -> Any:
    """A recorder that has been told of its transport."""
    protocol = kind(loop)
    transport = _core.StreamTransport(loop, sock, protocol, **options)
    assert protocol.told == []
    turn(loop)
    assert protocol.told[0] == "made" and protocol.transport is transport
    return protocol


def close(protocol: Recorder) -> None:
    protocol.transport.abort()
    turn(protocol.loop, 2)


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        got = sock.recv(min(count - len(data), 1 << 20))
        assert got, f"{len(data)} of {count} bytes"
        data += got
    return bytes(data)


def fill(protocol: Recorder, extra: int = 0) -> bytes:
    """Writes until the kernel takes no more; what was written."""
    written = bytearray()
    while protocol.transport.get_write_buffer_size() <= extra:
        data = os.urandom(10_000)
        protocol.transport.write(data)
        written += data
    return bytes(written)


def told_problems(loop: hoop.Loop) -> list[dict[str, Any]]:
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: problems.append(context))
    return problems


Pair = tuple[socket.socket, socket.socket]


# ---- the beginning ----


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


# ---- reading ----


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


# ---- protocols that fail ----


def failing(method: str, error: BaseException, kind: type[Recorder] = Recorder) -> type[Recorder]:
    def fail(self: Recorder, *arguments: Any) -> Any:
        self.told.append(method)
        raise error

    return type("Failing", (kind,), {method: fail})


@pytest.mark.parametrize(
    "method, kind",
    [("data_received", Recorder), ("get_buffer", Buffered), ("buffer_updated", Buffered), ("eof_received", Recorder)],
)
def test_an_exception_of_the_protocol_ends_the_connection(
    loop: hoop.Loop, pair: Pair, method: str, kind: type[Recorder]
) -> None:
    problems = told_problems(loop)
    error = ValueError(method)
    protocol = connect(loop, pair[0], failing(method, error, kind))
    if method == "eof_received":
        pair[1].shutdown(socket.SHUT_WR)
    else:
        pair[1].send(b"x")
    protocol.wait("lost")
    (problem,) = problems
    assert problem["message"] == f"Fatal error: protocol.{method}() call failed."
    assert problem["exception"] is error and protocol.exception is error
    assert problem["transport"] is protocol.transport and problem["protocol"] is protocol
    assert protocol.told == ["made", method, "lost"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("method, kind", [("data_received", Recorder), ("buffer_updated", Buffered)])
def test_the_end_of_the_program_passes_and_the_connection_stays(
    loop: hoop.Loop, pair: Pair, method: str, kind: type[Recorder], error: type[BaseException]
) -> None:
    problems = told_problems(loop)
    protocol = connect(loop, pair[0], failing(method, error("enough"), kind))
    pair[1].send(b"x")
    with pytest.raises(error, match="enough"):
        loop.run_forever()
    assert not problems and not protocol.transport.is_closing()
    second = Recorder(loop)
    protocol.transport.set_protocol(second)
    pair[1].send(b"y")
    second.wait("data")
    assert second.received == b"y"
    close(protocol)


def test_an_empty_buffer_ends_the_connection(loop: hoop.Loop, pair: Pair) -> None:
    class Empty(Buffered):
        size = 0

    problems = told_problems(loop)
    protocol = connect(loop, pair[0], Empty)
    pair[1].send(b"x")
    protocol.wait("lost")
    (problem,) = problems
    assert problem["message"] == "Fatal error: protocol.get_buffer() call failed."
    assert isinstance(problem["exception"], RuntimeError)
    assert str(problem["exception"]) == "get_buffer() returned an empty buffer"
    assert protocol.hints == [-1]


@pytest.mark.parametrize("lent", [b"constant", 5, None])
def test_what_cannot_be_received_into_ends_the_connection(loop: hoop.Loop, pair: Pair, lent: Any) -> None:
    class Wrong(Buffered):
        def get_buffer(self, hint: int) -> Any:
            return lent

    problems = told_problems(loop)
    protocol = connect(loop, pair[0], Wrong)
    pair[1].send(b"x")
    protocol.wait("lost")
    assert len(problems) == 1 and isinstance(protocol.exception, (TypeError, BufferError))


def test_a_failing_connection_lost_is_told_and_the_socket_closed(loop: hoop.Loop, pair: Pair) -> None:
    problems = told_problems(loop)
    protocol = connect(loop, pair[0], failing("connection_lost", ValueError("no")))
    protocol.transport.close()
    turn(loop, 2)
    (problem,) = problems
    assert isinstance(problem["exception"], ValueError) and problem["transport"] is protocol.transport
    assert pair[0].fileno() == -1 and pair[1].recv(10) == b""


def test_the_end_of_the_program_in_connection_lost_passes_and_the_socket_is_closed(
    loop: hoop.Loop, pair: Pair
) -> None:
    protocol = connect(loop, pair[0], failing("connection_lost", SystemExit()))
    protocol.transport.close()
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert pair[0].fileno() == -1 and repr(protocol.transport).startswith("<StreamTransport closed")


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_failures_of_flow_control_are_told_and_the_connection_goes_on(
    loop: hoop.Loop, pair: Pair, method: str
) -> None:
    problems = told_problems(loop)
    protocol = connect(loop, pair[0], failing(method, ValueError(method)))
    written = fill(protocol, 70_000)
    pair[1].setblocking(False)
    got = bytearray()
    while len(got) < len(written):
        try:
            got += pair[1].recv(1 << 20)
        except BlockingIOError:
            turn(loop)
    assert got == written
    (problem,) = problems
    assert problem["message"] == f"protocol.{method}() failed" and problem["protocol"] is protocol
    assert problem["transport"] is protocol.transport and str(problem["exception"]) == method
    close(protocol)


# ---- changing the protocol ----


def test_the_protocol_may_be_changed_at_any_moment_to_another_kind(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    first = connect(loop, near)
    second, third = Buffered(loop), Recorder(loop)
    far.send(b"one")
    first.wait("data")
    assert first.transport.get_protocol() is first
    first.transport.set_protocol(second)
    assert first.transport.get_protocol() is second
    far.send(b"two")
    second.wait("data")
    first.transport.set_protocol(third)
    far.send(b"three")
    far.close()
    third.wait("lost")
    assert (first.received, second.received, third.received) == (b"one", b"two", b"three")
    assert third.told == ["data", "eof", "lost"] and first.transport.get_protocol() is None


@pytest.mark.parametrize("moment", ["get_buffer", "buffer_updated"])
def test_a_buffered_protocol_may_give_way_while_it_is_called(loop: hoop.Loop, pair: Pair, moment: str) -> None:
    second = Recorder(loop)

    class GivingWay(Buffered):
        def get_buffer(self, hint: int) -> bytearray:
            if moment == "get_buffer":
                self.transport.set_protocol(second)
            return super().get_buffer(hint)

        def buffer_updated(self, count: int) -> None:
            if moment == "buffer_updated":
                self.transport.set_protocol(second)
            super().buffer_updated(count)

    first = connect(loop, pair[0], GivingWay)
    pair[1].send(b"one")
    first.wait("data")
    pair[1].send(b"two")
    second.wait("data")
    assert first.received == b"one" and second.received == b"two"
    close(first)


def test_closing_while_the_buffer_is_asked_for_reads_nothing(loop: hoop.Loop, pair: Pair) -> None:
    class Closing(Buffered):
        def get_buffer(self, hint: int) -> bytearray:
            self.transport.abort()
            return super().get_buffer(hint)

    protocol = connect(loop, pair[0], Closing)
    pair[1].send(b"x")
    protocol.wait("lost")
    assert protocol.told == ["made", "lost"]


def test_a_method_that_a_program_replaces_is_called(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    got: list[bytes] = []

    def replaced(data: bytes) -> None:
        got.append(data)
        loop.stop()

    protocol.data_received = replaced
    pair[1].send(b"x")
    loop.run_forever()
    assert got == [b"x"]
    close(protocol)


# ---- writing ----


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_like_objects_are_written(loop: hoop.Loop, pair: Pair, make: Callable[[bytes], Any]) -> None:
    protocol = connect(loop, pair[0])
    protocol.transport.write(make(b""))
    protocol.transport.write(make(b"hello"))
    assert pair[1].recv(100) == b"hello"
    close(protocol)


@pytest.mark.parametrize("data", ["text", 5, None, [b"x"]])
def test_other_objects_are_refused(loop: hoop.Loop, pair: Pair, data: Any) -> None:
    protocol = connect(loop, pair[0])
    name = type(data).__name__
    with pytest.raises(TypeError, match=f"^data argument must be a bytes-like object, not '{name}'$"):
        protocol.transport.write(data)
    close(protocol)


def drain_far(protocol: Recorder, far: socket.socket, count: int) -> bytes:
    """Reads COUNT bytes of what the transport still has to send."""
    got = bytearray()
    far.setblocking(False)
    while len(got) < count:
        try:
            got += far.recv(1 << 16)
        except BlockingIOError:
            turn(protocol.loop)
    return bytes(got)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_what_the_kernel_does_not_take_is_sent_later_in_order(
    loop: hoop.Loop, pair: Pair, make: Callable[[Any], Any]
) -> None:
    protocol = connect(loop, pair[0])
    sent = bytearray()
    for number in range(400):
        content = bytearray(struct.pack("<I", number) * 2500)
        sent += content
        protocol.transport.write(make(content))
        content[:] = bytes(len(content))  # what was written is not changed by that
    assert protocol.transport.get_write_buffer_size() > 0
    assert drain_far(protocol, pair[1], len(sent)) == sent
    assert protocol.transport.get_write_buffer_size() == 0
    close(protocol)


def test_more_pieces_than_fit_into_one_system_call(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    pieces = [b"%d," % number for number in range(5000)]
    expected = fill(protocol) + b"".join(pieces) * 2
    for piece in pieces:
        protocol.transport.write(piece)
    protocol.transport.writelines(pieces)
    assert drain_far(protocol, pair[1], len(expected)) == expected
    protocol.transport.writelines(pieces)
    assert drain_far(protocol, pair[1], len(b"".join(pieces))) == b"".join(pieces)
    close(protocol)


def test_writelines(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    transport.writelines([])
    transport.writelines([b"", b""])
    transport.writelines([b"one,", bytearray(b"two,"), memoryview(b"three,"), b""])
    transport.writelines(iter([b"four"]))
    assert pair[1].recv(100) == b"one,two,three,four"
    with pytest.raises(TypeError, match="a bytes-like object is required, not 'str'"):
        transport.writelines([b"not sent", "text"])
    with pytest.raises(TypeError):
        transport.writelines(5)
    assert transport.get_write_buffer_size() == 0
    transport.write(b"five")
    assert pair[1].recv(100) == b"five"
    close(protocol)


def test_writelines_pauses_the_protocol(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    data = [bytes(100_000)] * 100
    protocol.transport.writelines(data)
    assert protocol.told == ["made", "pause"]
    assert drain_far(protocol, pair[1], 10_000_000) == b"".join(data)
    assert protocol.told == ["made", "pause", "resume"]
    close(protocol)


def test_write_eof_ends_our_direction_after_what_was_written(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    transport = protocol.transport
    assert transport.can_write_eof()
    written = fill(protocol)
    transport.write_eof()
    transport.write_eof()
    with pytest.raises(RuntimeError, match=r"^Cannot call write\(\) after write_eof\(\)$"):
        transport.write(b"x")
    with pytest.raises(RuntimeError, match=r"^Cannot call writelines\(\) after write_eof\(\)$"):
        transport.writelines([b"x"])
    assert drain_far(protocol, far, len(written)) == written
    far.settimeout(10)
    assert far.recv(10) == b""
    far.send(b"answer")
    protocol.wait("data")
    assert protocol.received == b"answer" and not transport.is_closing()
    far.close()
    protocol.wait("lost")


def test_write_eof_with_nothing_to_send_acts_at_once(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    protocol.transport.write_eof()
    assert pair[1].recv(10) == b""
    close(protocol)


# ---- flow control ----


def test_the_protocol_is_paused_above_the_high_mark_and_resumed_at_the_low_one(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    assert transport.get_write_buffer_limits() == (16384, 65536)
    written = fill(protocol)
    room = 65536 - transport.get_write_buffer_size()
    transport.write(bytes(room))
    assert transport.get_write_buffer_size() == 65536 and protocol.told == ["made"] and not transport._protocol_paused
    transport.write(b"x")
    transport.write(b"x")
    assert protocol.told == ["made", "pause"] and transport._protocol_paused
    drain_far(protocol, pair[1], len(written) + room + 2)
    assert protocol.told == ["made", "pause", "resume"] and not transport._protocol_paused
    close(protocol)


def test_write_buffer_limits(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    for given, limits in [
        ({"high": 1000}, (250, 1000)),
        ({"low": 1000}, (1000, 4000)),
        ({"high": 10, "low": 10}, (10, 10)),
        ({"high": 0}, (0, 0)),
        ({}, (16384, 65536)),
    ]:
        transport.set_write_buffer_limits(**given)
        assert transport.get_write_buffer_limits() == limits
    for high, low in [(1, 2), (10, -1), (-1, None)]:
        with pytest.raises(ValueError, match=r"high \(.*\) must be >= low \(.*\) must be >= 0"):
            transport.set_write_buffer_limits(high, low)
    with pytest.raises(TypeError):
        transport.set_write_buffer_limits("text")
    assert transport.get_write_buffer_limits() == (16384, 65536)
    fill(protocol)
    assert protocol.told == ["made"]
    transport.set_write_buffer_limits(0)
    assert protocol.told == ["made", "pause"]
    close(protocol)


def test_a_protocol_may_write_when_it_is_resumed(loop: hoop.Loop, pair: Pair) -> None:
    class Writing(Recorder):
        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.write(b"the end")
            self.transport.close()

    protocol = connect(loop, pair[0], Writing)
    written = fill(protocol, 70_000)
    assert drain_far(protocol, pair[1], len(written) + 7) == written + b"the end"
    if "lost" not in protocol.told:
        protocol.wait("lost")
    assert protocol.told == ["made", "pause", "resume", "lost"]


# ---- the end ----


def test_close_sends_what_was_written_and_reads_no_more(loop: hoop.Loop, pair: Pair) -> None:
    near, far = pair
    protocol = connect(loop, near)
    transport = protocol.transport
    written = fill(protocol)
    transport.close()
    transport.close()
    assert transport.is_closing() and not transport.is_reading() and protocol.told == ["made"]
    far.send(b"too late")
    turn(loop, 3)
    assert drain_far(protocol, far, len(written)) == written
    assert protocol.told == ["made", "lost"] and protocol.exception is None
    assert near.fileno() == -1 and transport.get_protocol() is None and transport._sock is None
    turn(loop, 3)
    assert protocol.told == ["made", "lost"]


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


class Server:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def _attach(self, transport: Any) -> None:
        self.told.append(("attach", transport))

    def _detach(self, transport: Any) -> None:
        self.told.append(("detach", transport))


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


# ---- what sendfile uses ----


def test_an_empty_waiter_is_done_when_all_is_sent_and_forbids_writing(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    assert transport._start_tls_compatible
    assert transport._sendfile_compatible is asyncio.constants._SendfileMode.TRY_NATIVE
    written = fill(protocol)
    waiter = transport._make_empty_waiter()
    with pytest.raises(RuntimeError, match="^Empty waiter is already set$"):
        transport._make_empty_waiter()
    with pytest.raises(RuntimeError, match="^unable to write; sendfile is in progress$"):
        transport.write(b"x")
    with pytest.raises(RuntimeError, match="^unable to writelines; sendfile is in progress$"):
        transport.writelines([b"x"])
    assert not waiter.done()
    drain_far(protocol, pair[1], len(written))
    assert waiter.done() and waiter.result() is None
    transport._reset_empty_waiter()
    waiter = transport._make_empty_waiter()
    assert waiter.done()
    transport._reset_empty_waiter()
    transport.write(b"again")
    assert pair[1].recv(10) == b"again"
    close(protocol)


def test_an_empty_waiter_fails_with_the_connection(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    fill(protocol)
    waiter = protocol.transport._make_empty_waiter()
    close(protocol)
    assert isinstance(waiter.exception(), ConnectionError)
    assert str(waiter.exception()) == "Connection is closed by peer"


def test_a_lent_descriptor_comes_back_with_what_came_meanwhile(loop: hoop.Loop, pair: Pair) -> None:
    protocol = connect(loop, pair[0])
    transport = protocol.transport
    transport.pause_reading()
    transport._lend_descriptor()
    pair[1].send(b"meanwhile")
    turn(loop, 3)
    transport._take_back_descriptor()
    transport._take_back_descriptor()
    transport.resume_reading()
    protocol.wait("data")
    assert protocol.received == b"meanwhile"
    close(protocol)
    transport._lend_descriptor()
    transport._take_back_descriptor()
