# SPDX-License-Identifier: MIT
"""start_tls: connections that begin in plain and go on with TLS."""

import asyncio
import socket
import ssl
from typing import Any

import hoop
import pytest
from protocols import Recorder
from tls_identity import client_context, server_context


async def pair() -> list[tuple[Any, Recorder]]:
    """Two ends of a connection, each with its protocol."""
    loop = asyncio.get_running_loop()
    return [await loop.create_connection(Recorder, sock=sock) for sock in socket.socketpair()]


async def end(*protocols: Recorder) -> None:
    for protocol in protocols:
        await protocol.lost


def test_both_ends_go_on_with_tls() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        client.write(b"STARTTLS")
        assert await answering.has(8) == b"STARTTLS"
        secure_client, secure_server = await asyncio.gather(
            loop.start_tls(client, asking, client_context(), server_hostname="localhost"),
            loop.start_tls(server, answering, server_context(), server_side=True),
        )
        assert isinstance(secure_client, asyncio.Transport)
        assert secure_client.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert secure_client.get_extra_info("sslcontext") is not None
        assert secure_client.get_protocol() is asking and secure_server.get_protocol() is answering
        # connection_made is not called once more
        assert asking.events == answering.events == ["made"]
        secure_client.write(b"secret")
        assert await answering.has(14) == b"STARTTLSsecret"
        secure_server.write(b"answer")
        assert await asking.has(6) == b"answer"
        secure_client.close()
        await end(asking, answering)
        assert client.is_closing() and server.is_closing()

    hoop.run(main())


def test_tls_may_go_into_tls() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        for _ in range(2):
            client, server = await asyncio.gather(
                loop.start_tls(client, asking, client_context(), server_hostname="localhost"),
                loop.start_tls(server, answering, server_context(), server_side=True),
            )
        data = bytes(range(256)) * 1000
        client.write(data)
        assert await answering.has(len(data)) == data
        client.close()
        await end(asking, answering)

    hoop.run(main())


def test_streams_can_be_upgraded() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.start_tls(server_context())
        writer.write((await reader.readline()).upper())
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"starttls\n")
            assert await reader.readline() == b"starttls\n"
            await writer.start_tls(client_context(), server_hostname="localhost")
            writer.write(b"secret\n")
            assert await reader.read() == b"SECRET\n"
            writer.close()

    hoop.run(main())


def test_a_handshake_that_begins_early_is_not_lost() -> None:
    """The client does not wait: its first words of TLS come with the last ones in plain."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        await loop.sock_sendall(theirs, b"STARTTLS\n" + outgoing.read())

        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, ours)
        assert await reader.readline() == b"STARTTLS\n"
        await asyncio.sleep(0.01)
        upgrade = asyncio.create_task(loop.start_tls(transport, protocol, server_context(), server_side=True))
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(await loop.sock_recv(theirs, 10_000))
        client.write(b"secret\n")
        await loop.sock_sendall(theirs, outgoing.read())
        secure = await upgrade
        assert await reader.readline() == b"secret\n"
        secure.abort()
        theirs.close()

    hoop.run(main())


def test_a_handshake_that_fails_closes_the_connection() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        # Nobody vouches for the certificate.
        results = await asyncio.gather(
            loop.start_tls(client, asking, ssl.create_default_context(), server_hostname="localhost"),
            loop.start_tls(server, answering, server_context(), server_side=True),
            return_exceptions=True,
        )
        assert isinstance(results[0], ssl.SSLCertVerificationError)
        assert isinstance(results[1], OSError)
        assert client.is_closing() and server.is_closing()

    hoop.run(main())


def test_an_end_that_does_not_shake_hands_is_given_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than 0.05 seconds"):
            await loop.start_tls(
                client, asking, client_context(), server_hostname="localhost", ssl_handshake_timeout=0.05
            )
        assert client.is_closing()
        await answering.lost

    hoop.run(main())


def test_the_other_end_may_hang_up_in_the_handshake() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        upgrade = asyncio.create_task(loop.start_tls(client, asking, client_context(), server_hostname="localhost"))
        await answering.has(100)
        server.abort()
        with pytest.raises(ConnectionResetError):
            await upgrade

    hoop.run(main())


def test_an_upgrade_can_be_cancelled() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await loop.start_tls(client, asking, client_context(), server_hostname="localhost")
        assert client.is_closing()
        await answering.lost

    hoop.run(main())


def test_a_cancellation_before_the_handshake_leaves_nothing_scheduled() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        upgrade = asyncio.create_task(loop.start_tls(client, asking, client_context(), server_hostname="localhost"))
        loop.call_soon(upgrade.cancel)
        with pytest.raises(asyncio.CancelledError):
            await upgrade
        await answering.lost

    hoop.run(main())


def test_what_cannot_be_upgraded_is_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        (client, asking), (server, answering) = await pair()
        with pytest.raises(TypeError, match="sslcontext is expected to be an instance of ssl.SSLContext, got None"):
            await loop.start_tls(client, asking, None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"transport <.*> is not supported by start_tls\(\)"):
            await loop.start_tls(asyncio.WriteTransport(), asking, client_context())
        with pytest.raises(ValueError, match="ssl_handshake_timeout should be a positive number, got 0"):
            await loop.start_tls(client, asking, client_context(), ssl_handshake_timeout=0)
        with pytest.raises(ValueError, match="ssl_shutdown_timeout should be a positive number, got -1"):
            await loop.start_tls(client, asking, client_context(), ssl_shutdown_timeout=-1)
        assert not client.is_closing() and client.is_reading()
        client.close()
        await end(asking, answering)

    hoop.run(main())
