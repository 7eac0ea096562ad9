# SPDX-License-Identifier: MIT
"""A stream transport and protocols that fail, or that give way to another one."""

import socket
from typing import Any

import hoop
import pytest
from stream_recorder import Buffered, Pair, Recorder, close, connect, failing, fill, pair, told_problems, turn


# ---- protocols that fail ----


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
