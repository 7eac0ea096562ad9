# SPDX-License-Identifier: MIT
"""TLS: the engine and the connection's states, on a connection in memory (tls_pair.py)."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hoop import _core
from tls_pair import BufferRecorder, Certificates, Pair, Recorder


@pytest.fixture
def pair(certificates: Certificates) -> Pair:
    """A server's side, connected."""
    return Pair(certificates).connect()


def close(pair: Pair) -> None:
    """Both sides say that they close."""
    pair.transport.close()
    pair.peer_reads()
    pair.peer_closes()


# ---- the handshake ----


@pytest.mark.parametrize("is_server", [True, False])
def test_the_program_is_told_of_the_connection_once_the_handshake_is_done(
    certificates: Certificates, is_server: bool
) -> None:
    pair = Pair(certificates, is_server=is_server)
    pair.tls.connection_made(pair.wire)
    pair.loop.turn()
    assert pair.app.events == [] and not pair.waiter.done()
    for _ in range(3):
        try:
            pair.peer.do_handshake()
        except ssl.SSLWantReadError:
            pass
        pair.carry()
    assert pair.app.events == ["made"] and pair.app.transport is pair.transport
    assert pair.waiter.result() is None
    close(pair)


def test_the_transport_tells_of_certificate_cipher_and_context(certificates: Certificates) -> None:
    client = certificates.client()
    pair = Pair(certificates, is_server=False, client=client).connect()
    info = pair.transport.get_extra_info
    assert info("sslcontext") is client
    assert info("peercert")["subjectAltName"] == (("DNS", "localhost"), ("IP Address", "127.0.0.1"))
    assert info("cipher") == pair.peer.cipher()
    assert info("compression") is None
    assert info("ssl_object").version() == pair.peer.version()
    assert info("socket") == "a socket"
    assert info("nothing") is None and info("nothing", 5) == 5 and info("nothing", default=6) == 6
    close(pair)
    assert info("socket") is None and info("cipher") == pair.peer.cipher()


def test_a_certificate_of_another_host_is_refused_in_openssls_words(certificates: Certificates) -> None:
    pair = Pair(certificates, is_server=False, hostname="wrong.example").connect()
    exception = pair.waiter.exception()
    assert type(exception) is ssl.SSLCertVerificationError
    assert "Hostname mismatch, certificate is not valid for 'wrong.example'" in str(exception)
    assert pair.app.events == [] and pair.wire.is_lost and pair.loop.reports == []


def test_an_empty_hostname_asks_for_none(certificates: Certificates) -> None:
    pair = Pair(certificates, is_server=False, hostname="").connect()
    assert pair.app.events == ["made"] and pair.transport.get_extra_info("ssl_object").server_hostname is None
    close(pair)


def test_no_context_means_the_default_one_for_a_client_and_is_refused_for_a_server() -> None:
    loop: Any = asyncio.new_event_loop()
    try:
        tls = _core.TlsProtocol(loop, Recorder(), None, None, server_hostname="localhost")
        context = tls._app_transport.get_extra_info("sslcontext")
        assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
        tls._app_transport.abort()
        with pytest.raises(ValueError, match="Server side SSL needs a valid SSLContext"):
            _core.TlsProtocol(loop, Recorder(), None, None, server_side=True)
    finally:
        loop.close()


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("seconds", [0, -3])
def test_a_timeout_must_be_positive(certificates: Certificates, name: str, seconds: int) -> None:
    with pytest.raises(ValueError, match=f"{name} should be a positive number, got {seconds}"):
        Pair(certificates, **{name: seconds})


@pytest.mark.parametrize(("options", "seconds"), [({}, 60.0), ({"ssl_handshake_timeout": 7}, 7)])
def test_a_handshake_that_takes_too_long_is_aborted(
    certificates: Certificates, options: dict[str, Any], seconds: float
) -> None:
    pair = Pair(certificates, **options)
    pair.tls.connection_made(pair.wire)
    [timer] = pair.loop.pending()
    assert timer.seconds == seconds
    timer.callback()
    pair.loop.turn()
    with pytest.raises(
        ConnectionAbortedError,
        match=f"SSL handshake is taking longer than {seconds} seconds: aborting the connection",
    ):
        pair.waiter.result()
    assert pair.wire.is_lost and pair.app.events == [] and pair.loop.reports == []


def test_the_handshakes_timer_ends_with_it(pair: Pair) -> None:
    assert pair.loop.pending() == []
    pair.loop.timers[0].callback()  # too late: it is not heard
    assert not pair.wire.is_closed
    close(pair)


def test_a_peer_that_speaks_no_tls_fails_the_handshake(certificates: Certificates) -> None:
    pair = Pair(certificates)
    pair.tls.connection_made(pair.wire)
    pair.wire.receive(b"GET / HTTP/1.1\r\n\r\n")
    pair.loop.turn()
    with pytest.raises(ssl.SSLError, match="(?i)http.request"):
        pair.waiter.result()
    assert pair.wire.is_lost and pair.loop.reports == []


def test_a_peer_that_goes_away_in_the_handshake(certificates: Certificates) -> None:
    pair = Pair(certificates)
    pair.tls.connection_made(pair.wire)
    pair.wire.receive_eof()
    pair.loop.turn()
    assert isinstance(pair.waiter.exception(), ConnectionResetError) and pair.app.events == []


@pytest.mark.parametrize("exception", [OSError("broken"), None])
def test_a_connection_lost_in_the_handshake_fails_the_waiter(
    certificates: Certificates, exception: OSError | None
) -> None:
    pair = Pair(certificates)
    pair.tls.connection_made(pair.wire)
    pair.wire._force_close(exception)
    pair.loop.turn()
    assert isinstance(pair.waiter.exception(), ConnectionAbortedError if exception is None else OSError)
    assert pair.app.events == [] and pair.loop.pending() == []


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_closing_in_the_handshake_aborts(certificates: Certificates, is_waited_for: bool) -> None:
    pair = Pair(certificates)
    pair.tls.connection_made(pair.wire)
    if not is_waited_for:
        pair.waiter.cancel()
    pair.transport.close()
    pair.loop.turn()
    assert pair.wire.is_lost and pair.transport.is_closing()
    assert pair.waiter.cancelled() or isinstance(pair.waiter.exception(), ConnectionAbortedError)


def test_the_name_that_the_client_asks_for_chooses_the_certificate(certificates: Certificates) -> None:
    server, other, asked = certificates.server(), certificates.server("other"), []

    def choose(sslobj: Any, name: str, context: ssl.SSLContext) -> None:
        asked.append(name)
        sslobj.context = other

    server.sni_callback = choose
    pair = Pair(certificates, server=server, hostname="other.example").connect()
    assert asked == ["other.example"] and pair.app.events == ["made"]
    assert ("DNS", "other.example") in pair.peer.getpeercert()["subjectAltName"]  # type: ignore[index]
    assert pair.transport.get_extra_info("ssl_object").context is other
    close(pair)


def test_client_certificates(certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()
    server.verify_mode = ssl.CERT_REQUIRED
    client.load_cert_chain(certificates.folder / "client.pem", certificates.folder / "client.key")
    pair = Pair(certificates, server=server, client=client).connect()
    assert pair.transport.get_extra_info("peercert")["subject"] == ((("commonName", "client.example"),),)
    close(pair)
    pair = Pair(certificates, server=server).connect()
    with pytest.raises(ssl.SSLError, match="(?i)peer did not return a certificate"):
        pair.waiter.result()


def test_alpn_and_the_version_that_the_context_asks_for(certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["http/1.1"])
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    pair = Pair(certificates, server=server, client=client).connect()
    sslobj = pair.transport.get_extra_info("ssl_object")
    assert sslobj.selected_alpn_protocol() == "http/1.1" and sslobj.version() == "TLSv1.2"
    pair.wire.receive(pair.peer_writes(b"old"))
    pair.transport.write(b"and good")
    assert pair.app.data == b"old" and pair.peer_reads() == b"and good"
    close(pair)


def test_a_session_is_resumed(certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()
    first = Pair(certificates, is_server=False, server=server, client=client).connect()
    first.wire.receive(first.peer_writes(b"x"))  # its tickets came before it
    session = first.transport.get_extra_info("ssl_object").session
    assert session is not None and session.has_ticket
    close(first)
    second = Pair(certificates, is_server=False, server=server, client=client)
    second.tls._sslobj.session = session
    second.connect()
    assert second.tls._sslobj.session_reused
    close(second)


def test_messages_after_the_handshake_are_answered(certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()
    server.verify_mode = ssl.CERT_OPTIONAL
    server.post_handshake_auth = client.post_handshake_auth = True
    client.load_cert_chain(certificates.folder / "client.pem", certificates.folder / "client.key")
    pair = Pair(certificates, is_server=False, server=server, client=client).connect()
    assert pair.peer.getpeercert() is None
    pair.peer.verify_client_post_handshake()
    pair.wire.receive(pair.peer_writes(b"who are you?"))
    assert pair.app.data == b"who are you?"
    assert pair.peer_reads() == b""
    certificate = pair.peer.getpeercert()
    assert certificate is not None and certificate["subject"] == ((("commonName", "client.example"),),)
    close(pair)


def test_debug_mode_logs_the_handshake(certificates: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair(certificates)
    pair.loop.debug = True
    with caplog.at_level(logging.DEBUG, "asyncio"):
        pair.connect()
        pair.wire.receive_eof()
        pair.loop.turn()
    assert "starts SSL handshake" in caplog.text and "SSL handshake took 0.0 ms" in caplog.text
    assert "received EOF" in caplog.text


def test_debug_mode_logs_why_the_handshake_failed(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair(certificates, is_server=False, hostname="wrong.example")
    pair.loop.debug = True
    with caplog.at_level(logging.DEBUG, "asyncio"):
        pair.connect()
    assert "SSL handshake failed on verifying the certificate" in caplog.text
    assert pair.waiter.exception() is not None


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


# ---- the end ----


def test_closing_says_so_to_the_peer_and_waits_for_its_answer(pair: Pair) -> None:
    pair.transport.write(b"last words")
    pair.transport.close()
    assert pair.transport.is_closing()
    assert pair.peer_reads() == b"last words"
    assert not pair.wire.is_closed and pair.app.events == ["made"]
    assert pair.peer_closes()
    assert pair.wire.is_lost and pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None
    assert pair.loop.pending() == []


def test_when_the_peer_closes_it_gets_an_answer(pair: Pair) -> None:
    pair.app.eof_received = lambda: pair.app.events.append(f"eof {pair.transport.is_closing()}")
    pair.loop.call_soon = lambda *call: pair.app.events.append(f"then {pair.transport.is_closing()}")
    with pytest.raises(ssl.SSLWantReadError):
        pair.peer.unwrap()
    pair.wire.receive(pair.outgoing.read())
    assert pair.app.events == ["made", "eof False", "then True"]
    pair.incoming.write(pair.wire.sent)
    pair.peer.unwrap()
    pair.wire._lose(None)


def test_a_peer_that_closes_ends_the_connection(pair: Pair) -> None:
    assert not pair.peer_closes()
    assert pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None
    pair.incoming.write(pair.wire.sent)
    pair.peer.unwrap()


def test_what_waits_goes_out_before_the_end(pair: Pair) -> None:
    pair.tls.pause_writing()
    pair.transport.write(b"x" * 100_000)
    pair.transport.close()
    assert not pair.wire.sent
    pair.tls.resume_writing()
    assert pair.peer_reads() == b"x" * 100_000
    assert pair.peer_closes() and pair.wire.is_lost and pair.app.lost_with is None


def test_what_waits_goes_out_though_the_peer_closes_first(pair: Pair) -> None:
    pair.tls.pause_writing()
    pair.transport.write(b"x" * 1000)
    with pytest.raises(ssl.SSLWantReadError):
        pair.peer.unwrap()
    pair.wire.receive(pair.outgoing.read())
    pair.loop.turn()
    assert pair.wire.is_closed
    pair.incoming.write(pair.wire.sent)
    assert pair.peer.read(2000) == b"x" * 1000


def test_data_that_comes_after_the_program_closed_is_dropped(pair: Pair) -> None:
    pair.transport.close()
    pair.wire.receive(pair.peer_writes(b"x" * 50_000))
    pair.wire.receive(pair.peer_writes(b"more"))
    pair.peer_reads()
    assert pair.peer_closes()
    assert pair.app.data == b"" and pair.app.lost_with is None and "lost" in pair.app.events


def test_data_that_waits_for_a_paused_program_that_closes_is_dropped(pair: Pair) -> None:
    pair.transport.pause_reading()
    pair.wire.receive(pair.peer_writes(b"x" * 50_000))
    close(pair)
    assert pair.app.data == b"" and pair.app.lost_with is None and "lost" in pair.app.events


def test_a_peer_that_only_closes_the_connection_below(pair: Pair) -> None:
    pair.wire.receive(pair.peer_writes(b"last"))
    pair.wire.receive_eof()
    pair.loop.turn()
    assert pair.app.data == b"last" and pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None


def test_a_program_may_pause_in_the_midst_of_what_came_before_the_end(pair: Pair) -> None:
    def data_received(data: bytes) -> None:
        Recorder.data_received(pair.app, data)
        pair.transport.pause_reading()

    pair.transport.pause_reading()
    pair.wire.receive(pair.peer_writes(b"x" * 400_000))
    pair.app.data_received = data_received
    pair.transport.resume_reading()
    pair.wire.receive_eof()
    for _ in range(5):
        pair.loop.turn()
        assert not pair.wire.is_closed or len(pair.app.data) == 400_000
        pair.transport.resume_reading()
    assert pair.app.data == b"x" * 400_000 and len(pair.app.pieces) > 1
    assert pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None


@pytest.mark.parametrize("closes", [False, True])
def test_what_came_before_the_end_waits_for_a_paused_program(pair: Pair, closes: bool) -> None:
    pair.transport.pause_reading()
    pair.wire.receive(pair.peer_writes(b"last"))
    pair.wire.receive_eof()
    pair.loop.turn()
    assert pair.app.data == b"" and not pair.wire.is_closed
    if closes:
        pair.transport.close()
    else:
        pair.transport.resume_reading()
    pair.loop.turn()
    assert pair.app.data == (b"" if closes else b"last")
    assert pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None


@pytest.mark.parametrize(("options", "seconds"), [({}, 30.0), ({"ssl_shutdown_timeout": 3}, 3)])
def test_a_shutdown_that_takes_too_long_ends_the_connection(
    certificates: Certificates, options: dict[str, Any], seconds: float
) -> None:
    pair = Pair(certificates, **options).connect()
    pair.transport.close()
    [timer] = pair.loop.pending()
    assert timer.seconds == seconds
    timer.callback()
    pair.loop.turn()
    assert pair.wire.is_lost and isinstance(pair.app.lost_with, TimeoutError)
    assert str(pair.app.lost_with) == "SSL shutdown timed out" and pair.loop.pending() == []


def test_abort_ends_at_once(pair: Pair) -> None:
    pair.transport.abort()
    pair.loop.turn()
    assert pair.wire.is_lost and not pair.wire.sent
    assert pair.app.events == ["made", "lost"] and pair.app.lost_with is None


def test_a_connection_that_breaks_is_told_to_the_program(pair: Pair) -> None:
    pair.wire._force_close(ConnectionResetError("gone"))
    assert pair.transport.is_closing()
    pair.loop.turn()
    assert pair.app.events == ["made", "lost"] and isinstance(pair.app.lost_with, ConnectionResetError)
    assert pair.transport.get_protocol() is None


def test_writing_to_a_closed_connection_is_in_vain_and_at_last_logged(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    close(pair)
    for _ in range(4):
        pair.transport.write(b"x")
    assert caplog.records == []
    for _ in range(3):
        pair.transport.writelines([b"x"])
    assert {record.message for record in caplog.records} == {"SSL connection is closed"}


def test_keeping_open_after_the_peers_end_is_not_possible(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.app.eof_received = lambda: True
    pair.peer_closes()
    assert "returning true from eof_received() has no effect when using ssl" in caplog.text
    assert pair.app.events == ["made", "lost"]


def test_a_program_that_closes_when_it_is_told_of_the_connection(certificates: Certificates) -> None:
    class Short(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.write(b"hello")
            self.transport.close()

    pair = Pair(certificates, Short()).connect()
    assert pair.peer_reads() == b"hello"
    pair.peer_closes()
    assert pair.app.events == ["made", "eof", "lost"] and pair.app.lost_with is None


def test_a_program_that_pauses_when_it_is_told_of_the_connection(certificates: Certificates) -> None:
    class Paused(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.pause_reading()

    pair = Pair(certificates, Paused(), is_server=False).connect()
    pair.wire.receive(pair.peer_writes(b"early"))
    assert pair.peer.version() == "TLSv1.3" and pair.app.data == b""
    pair.transport.resume_reading()
    pair.loop.turn()
    assert pair.app.data == b"early"
    close(pair)


# ---- what it is, and that it ends ----


def test_the_types_are_what_programs_look_for(pair: Pair) -> None:
    assert isinstance(pair.transport, asyncio.Transport) and isinstance(pair.tls, asyncio.BufferedProtocol)
    assert pair.transport._start_tls_compatible is True
    assert pair.transport._sendfile_compatible is asyncio.constants._SendfileMode.FALLBACK  # type: ignore[attr-defined]
    pair.transport.attribute = 5
    assert vars(pair.transport) == {"attribute": 5}
    assert weakref.ref(pair.transport)() is pair.transport
    assert "SSLTransport" in repr(pair.transport)
    close(pair)


def test_a_transport_that_nobody_closed_is_complained_about(certificates: Certificates) -> None:
    pair = Pair(certificates).connect()
    alive = weakref.ref(pair.transport)
    del pair
    with pytest.warns(ResourceWarning, match="unclosed transport <.*SSLTransport"):
        gc.collect()
    assert alive() is None


def test_a_closed_connection_ends_without_the_collector(certificates: Certificates) -> None:
    gc.disable()
    try:
        pair = Pair(certificates).connect()
        close(pair)
        context = weakref.ref(pair.tls)
        pair.wire.protocol = None
        pair.app.transport = pair.transport = None
        pair.tls = None
        pair.loop.timers.clear()
        assert context() is None
    finally:
        gc.enable()


def test_closing_what_is_closed_lets_go_of_the_context(certificates: Certificates) -> None:
    context = certificates.server()
    kept = weakref.ref(context)
    pair = Pair(certificates, server=context).connect()
    del context
    pair.peer_closes()
    assert kept() is not None and pair.transport.get_extra_info("sslcontext") is kept()
    pair.loop.timers.clear()
    pair.transport.close()
    assert kept() is None and pair.transport.get_extra_info("sslcontext", "nothing") == "nothing"
    pair.transport.write(b"x")
    pair.transport.abort()
    assert pair.transport.get_write_buffer_size() == pair.transport.get_read_buffer_size() == 0
    pair.tls.resume_writing()


def test_a_thousand_handshakes_leave_nothing(certificates: Certificates) -> None:
    server, client = certificates.server(), certificates.client()

    def run(count: int) -> None:
        for number in range(count):
            pair = Pair(certificates, server=server, client=client, is_server=number % 2 == 0)
            if number % 3 == 0:
                pair.tls.connection_made(pair.wire)
                pair.transport.abort()
                pair.loop.turn()
                continue
            pair.connect()
            pair.transport.write(b"x" * 5000)
            pair.wire.receive(pair.peer_writes(b"y" * 5000))
            close(pair)

    run(30)
    gc.collect()
    before = len(gc.get_objects())
    run(1000)
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_a_program_that_fails_at_its_end_is_reported(certificates: Certificates) -> None:
    class Failing(Recorder):
        def eof_received(self) -> None:
            raise ValueError("at the end")

    pair = Pair(certificates, Failing()).connect()
    pair.peer_closes()
    [report] = pair.loop.reports
    assert report["message"] == "Error calling eof_received()" and str(report["exception"]) == "at the end"
    assert pair.app.events == ["made", "lost"]


def test_a_transport_below_without_asyncios_private_parts(certificates: Certificates) -> None:
    class Plain:
        """Only what a transport must have."""

        def __init__(self) -> None:
            self.aborted = False

        def write(self, data: bytes) -> None:
            pass

        def abort(self) -> None:
            self.aborted = True

    pair = Pair(certificates)
    plain = Plain()
    pair.tls.connection_made(plain)
    pair.loop.pending()[0].callback()
    assert plain.aborted
    pair.tls.connection_lost(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pair.waiter.exception() is not None
