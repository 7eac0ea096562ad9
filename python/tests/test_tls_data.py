# SPDX-License-Identifier: MIT
"""TLS: data in both directions and back pressure, on a connection in memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from tls_connected import close, pair
from tls_pair import BufferRecorder, Certificates, Pair, Recorder


# ---- data ----


@pytest.mark.parametrize("size", [1, 1000, 16384, 16385, 300_000])
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_data_goes_both_ways(pair: Pair, size: int, make: Callable[[bytes], Any]) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pair.transport.write(make(data))
    assert pair.transport.get_write_buffer_size() == 0
    assert pair.peer_reads() == data
    pair.wire.receive(pair.peer_writes(data))
    assert pair.app.data == data
    close(pair)


def test_records_may_come_cut_anywhere(pair: Pair) -> None:
    for cut in range(1, 40):
        encrypted = pair.peer_writes(b"first") + pair.peer_writes(b"second")
        for at in range(0, len(encrypted), cut):
            pair.wire.receive(encrypted[at : at + cut])
    assert pair.app.data == b"firstsecond" * 39
    close(pair)


def test_many_records_that_come_at_once_are_one_piece(pair: Pair) -> None:
    pair.wire.receive(b"".join(pair.peer_writes(b"%d," % number) for number in range(100)))
    assert pair.app.pieces == [b"".join(b"%d," % number for number in range(100))]
    close(pair)


@pytest.mark.parametrize("size", [1, 7, 16384, 100_000])
def test_a_buffered_protocol_gets_what_fits_its_buffer(certificates: Certificates, size: int) -> None:
    app = BufferRecorder(size)
    pair = Pair(certificates, app).connect()
    data = bytes(range(250)) * 200
    pair.wire.receive(pair.peer_writes(data[:20]) + pair.peer_writes(data[20:]))
    pair.loop.turn()
    assert app.data == data and max(app.counts) == min(size, len(data))
    pair.wire.receive(pair.peer_writes(b"more"))
    assert app.data == data + b"more"
    close(pair)
    assert app.events == ["eof", "lost"]


def test_an_empty_buffer_of_the_program_ends_the_connection(certificates: Certificates) -> None:
    pair = Pair(certificates, BufferRecorder(0)).connect()
    pair.wire.receive(pair.peer_writes(b"data"))
    pair.loop.turn()
    [report] = pair.loop.reports
    assert "empty buffer" in str(report["exception"]) and pair.wire.is_lost


def test_the_protocol_may_be_another_one_at_any_time(pair: Pair) -> None:
    other, buffered = Recorder(), BufferRecorder(100)
    pair.transport.set_protocol(other)
    assert pair.transport.get_protocol() is other
    pair.wire.receive(pair.peer_writes(b"to the other"))
    pair.transport.set_protocol(buffered)
    pair.wire.receive(pair.peer_writes(b"to the third"))
    pair.transport.set_protocol(pair.app)
    pair.wire.receive(pair.peer_writes(b"to the first"))
    assert (other.data, buffered.data, pair.app.data) == (b"to the other", b"to the third", b"to the first")
    close(pair)


def test_a_protocol_may_be_replaced_while_it_lends_its_buffer(certificates: Certificates) -> None:
    other = Recorder()

    class Replaced(BufferRecorder):
        def get_buffer(self, sizehint: int) -> bytearray:
            pair.transport.set_protocol(other)
            return super().get_buffer(sizehint)

    app = Replaced(5)
    pair = Pair(certificates, app).connect()
    pair.wire.receive(pair.peer_writes(b"threefour"))
    assert app.data == b"three" and other.data == b"four"
    close(pair)


def test_what_is_written_in_the_handshake_goes_out_after_it(certificates: Certificates) -> None:
    pair = Pair(certificates)
    data = bytearray(b"before")
    pair.tls.connection_made(pair.wire)
    pair.transport.write(data)
    assert pair.transport.get_write_buffer_size() == 6
    data[:] = b"-----!"
    for _ in range(3):
        try:
            pair.peer.do_handshake()
        except ssl.SSLWantReadError:
            pass
        pair.carry()
    assert pair.peer_reads() == b"before" and pair.transport.get_write_buffer_size() == 0
    close(pair)


def test_lines_are_written_together(pair: Pair) -> None:
    pair.transport.writelines(memoryview(line) for line in (b"one ", b"", b"two ", b"three"))
    assert pair.wire.sent[:3] == b"\x17\x03\x03"
    length = int.from_bytes(pair.wire.sent[3:5], "big")
    assert len(pair.wire.sent) == 5 + length
    assert pair.peer_reads() == b"one two three"
    close(pair)


def test_only_bytes_can_be_written(pair: Pair) -> None:
    with pytest.raises(TypeError, match="data: expecting a bytes-like instance, got str"):
        pair.transport.write("text")
    with pytest.raises(TypeError, match="expected a bytes-like object, str found"):
        pair.transport.writelines(["text"])
    pair.transport.write(b"")
    pair.transport.writelines([])
    assert not pair.wire.sent
    with pytest.raises(NotImplementedError):
        pair.transport.write_eof()
    assert pair.transport.can_write_eof() is False
    close(pair)


def test_a_view_of_every_second_byte_is_written(pair: Pair) -> None:
    pair.transport.write(memoryview(b"a-b-c-")[::2])
    assert pair.peer_reads() == b"abc"
    close(pair)


def test_the_contexts_own_ssl_object_is_used(certificates: Certificates) -> None:
    class Counting(ssl.SSLObject):
        reads = writes = 0

        def read(self, *arguments: Any) -> Any:
            Counting.reads += 1
            return super().read(*arguments)

        def write(self, data: Any) -> int:
            Counting.writes += 1
            return super().write(data)

    server = certificates.server()
    server.sslobject_class = Counting
    pair = Pair(certificates, server=server).connect()
    assert type(pair.transport.get_extra_info("ssl_object")) is Counting
    pair.wire.receive(pair.peer_writes(b"question" * 5000))
    pair.transport.write(b"answer")
    assert pair.app.data == b"question" * 5000 and pair.peer_reads() == b"answer"
    assert Counting.reads > 0 and Counting.writes == 1
    buffered = BufferRecorder(6)
    pair.transport.set_protocol(buffered)
    pair.wire.receive(pair.peer_writes(b"as well as buffered"))
    assert buffered.data == b"as well as buffered"
    close(pair)


def test_data_that_was_tampered_with_ends_the_connection(pair: Pair) -> None:
    encrypted = bytearray(pair.peer_writes(b"data"))
    encrypted[-1] ^= 1
    pair.wire.receive(bytes(encrypted))
    pair.loop.turn()
    assert pair.app.data == b"" and pair.app.events == ["made", "lost"]
    assert isinstance(pair.app.lost_with, ssl.SSLError) and pair.loop.reports == []


def test_bytes_that_are_no_records_end_the_connection(pair: Pair) -> None:
    pair.wire.receive(b"this is no TLS at all")
    pair.loop.turn()
    assert pair.app.events == ["made", "lost"] and isinstance(pair.app.lost_with, ssl.SSLError)


def test_what_the_program_raises_is_reported_and_ends_the_connection(pair: Pair) -> None:
    def data_received(data: bytes) -> None:
        raise ValueError(data)

    pair.app.data_received = data_received
    pair.wire.receive(pair.peer_writes(b"data"))
    pair.loop.turn()
    [report] = pair.loop.reports
    assert report["message"] == "Fatal error on SSL protocol" and report["protocol"] is pair.tls
    assert report["transport"] is pair.wire and report["exception"].args == (b"data",)
    assert pair.app.lost_with is report["exception"]


def test_what_ends_a_program_gets_through(pair: Pair) -> None:
    def data_received(data: bytes) -> None:
        raise KeyboardInterrupt

    pair.app.data_received = data_received
    with pytest.raises(KeyboardInterrupt):
        pair.wire.receive(pair.peer_writes(b"data"))
    assert pair.loop.reports == [] and not pair.wire.is_closed
    close(pair)


# ---- back pressure ----


def test_a_program_that_pauses_gets_nothing_until_it_resumes(pair: Pair) -> None:
    pair.transport.pause_reading()
    assert not pair.transport.is_reading()
    encrypted = pair.peer_writes(b"x" * 1000)
    pair.wire.receive(encrypted)
    assert pair.app.data == b"" and pair.transport.get_read_buffer_size() == len(encrypted)
    pair.transport.resume_reading()
    assert pair.transport.is_reading() and pair.app.data == b""
    pair.loop.turn()
    assert pair.app.data == b"x" * 1000 and pair.transport.get_read_buffer_size() == 0
    close(pair)


def test_pausing_between_two_pieces_is_heard(pair: Pair) -> None:
    def data_received(data: bytes) -> None:
        Recorder.data_received(pair.app, data)
        pair.transport.pause_reading()

    pair.app.data_received = data_received
    pair.wire.receive(pair.peer_writes(b"x" * 600_000))
    count = len(pair.app.data)
    assert 0 < count < 600_000 and len(pair.app.pieces) == 1
    pair.transport.resume_reading()
    pair.loop.turn()
    assert count < len(pair.app.data) and len(pair.app.pieces) == 2
    del pair.app.data_received
    pair.transport.resume_reading()
    pair.loop.turn()
    assert pair.app.data == b"x" * 600_000
    close(pair)


def test_the_transport_below_is_paused_when_too_much_waits(pair: Pair) -> None:
    assert pair.transport.get_read_buffer_limits() == (64 * 1024, 256 * 1024)
    pair.transport.set_read_buffer_limits(high=50_000, low=10)
    assert pair.transport.get_read_buffer_limits() == (10, 50_000)
    pair.transport.pause_reading()
    pair.wire.receive(pair.peer_writes(b"x" * 40_000))
    assert not pair.wire.is_paused
    pair.wire.receive(pair.peer_writes(b"x" * 40_000))
    assert pair.wire.is_paused
    pair.transport.resume_reading()
    pair.loop.turn()
    assert not pair.wire.is_paused and pair.app.data == b"x" * 80_000
    close(pair)


def test_the_program_is_paused_while_the_transport_below_takes_no_more(pair: Pair) -> None:
    assert pair.transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
    pair.transport.set_write_buffer_limits(high=1000)
    assert pair.transport.get_write_buffer_limits() == (250, 1000)
    pair.tls.pause_writing()
    pair.transport.write(b"x" * 900)
    assert pair.app.events == ["made"] and not pair.transport._protocol_paused
    pair.transport.write(b"x" * 900)
    assert pair.app.events == ["made", "pause"] and pair.transport._protocol_paused
    assert 1800 < pair.transport.get_write_buffer_size() < 2000 and not pair.wire.sent
    pair.tls.resume_writing()
    assert pair.app.events == ["made", "pause", "resume"] and not pair.transport._protocol_paused
    assert pair.peer_reads() == b"x" * 1800
    close(pair)


def test_limits_must_be_in_order(pair: Pair) -> None:
    for method in pair.transport.set_write_buffer_limits, pair.transport.set_read_buffer_limits:
        with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\) must be >= 0"):
            method(high=1, low=2)
    assert pair.transport.get_write_buffer_limits() == (128 * 1024, 512 * 1024)
    close(pair)


@pytest.mark.parametrize("name", ["pause_writing", "resume_writing"])
def test_a_program_that_fails_when_told_to_pause_is_reported(pair: Pair, name: str) -> None:
    def fail() -> None:
        raise ValueError("in " + name)

    setattr(pair.app, name, fail)
    pair.transport.set_write_buffer_limits(high=10)
    pair.tls.pause_writing()
    pair.transport.write(b"x" * 100)
    pair.tls.resume_writing()
    [report] = pair.loop.reports
    assert report["message"] == f"protocol.{name}() failed" and str(report["exception"]) == "in " + name
    assert report["transport"] is pair.transport and report["protocol"] is pair.tls
    assert pair.peer_reads() == b"x" * 100
    close(pair)
