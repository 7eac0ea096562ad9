# SPDX-License-Identifier: MIT
"""TLS: the handshake, on a connection in memory: what the program is told, what is refused, and how it fails."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from typing import Any

import pytest
from hoop import _core
from tls_connected import close, pair
from tls_pair import Certificates, Pair, Recorder


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


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="ssl refuses it from Python 3.14 on")
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
