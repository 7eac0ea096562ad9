# SPDX-License-Identifier: MIT
"""TLS: the end of a connection in memory, in all its orders, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import gc
import ssl
import warnings
import weakref
from typing import Any

import pytest
from tls_connected import close, pair
from tls_pair import Certificates, Pair, Recorder


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
