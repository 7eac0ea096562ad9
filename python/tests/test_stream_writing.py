# SPDX-License-Identifier: MIT
"""A stream transport writes: order, flow control, the end of our direction, and what sendfile uses."""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import hoop
import pytest
from stream_recorder import Pair, Recorder, close, connect, drain_far, fill, pair, turn


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


def test_a_write_that_finds_no_memory_leaves_the_others_as_they_are(loop: hoop.Loop, pair: Pair) -> None:
    memory = pytest.importorskip("_testcapi")
    protocol = connect(loop, pair[0])
    write = protocol.transport.write
    expected = bytearray(fill(protocol))
    refused = 0
    for number in range(100):
        data = b"%d," % number
        memory.set_nomemory(0)
        try:
            write(data)
            memory.remove_mem_hooks()
        except MemoryError:
            memory.remove_mem_hooks()
            refused += 1
            write(data)
        expected += data
    assert 0 < refused < 100
    assert drain_far(protocol, pair[1], len(expected)) == expected
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
