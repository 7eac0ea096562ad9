# SPDX-License-Identifier: MIT
"""A datagram transport: datagrams and their senders, errors, pauses, ends."""

import asyncio
import gc
import socket
import sys
import warnings
import weakref
from typing import Any

import hoop
import pytest
from endpoint import LOCAL, Endpoint, close, open_endpoint, running


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_datagrams_come_with_their_senders(host: str) -> None:
    async def main(_: hoop.Loop) -> None:
        one, first = await open_endpoint(local_addr=(host, 0))
        other, second = await open_endpoint(local_addr=(host, 0))
        one.sendto(b"hello", other.get_extra_info("sockname"))
        await second.until(lambda: bool(second.received))
        assert second.received == [(b"hello", one.get_extra_info("sockname"))]
        other.sendto(bytearray(b"answer"), addr=second.received[0][1])
        other.sendto(memoryview(b"more"), second.received[0][1][:2])
        await first.until(lambda: len(first.received) == 2)
        assert first.received == [(b, other.get_extra_info("sockname")) for b in (b"answer", b"more")]
        await close(first, second)

    running(main)


def test_the_protocol_knows_of_the_transport_before_the_program_does() -> None:
    async def main(_: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        assert protocol.events == ["made"]
        assert protocol.transport is transport
        assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport, asyncio.Transport)  # as asyncio's own is
        assert transport.get_protocol() is protocol
        sock = transport.get_extra_info("socket")
        assert sock.fileno() == transport._sock_fd
        assert transport.get_extra_info("sockname") == sock.getsockname()
        assert transport.get_extra_info("peername") is None
        assert transport.get_extra_info("nothing", 5) == 5
        await close(protocol)
        assert protocol.events == ["made", "lost"]
        assert protocol.lost.result() is None
        assert transport.get_protocol() is None

    running(main)


def test_a_connected_endpoint_sends_to_its_peer_only() -> None:
    async def main(_: hoop.Loop) -> None:
        server, receiving = await open_endpoint(local_addr=LOCAL)
        address = server.get_extra_info("sockname")
        client, sending = await open_endpoint(remote_addr=address)
        assert client.get_extra_info("peername") == address
        client.sendto(b"one")
        client.sendto(b"two", address)
        with pytest.raises(ValueError, match="Invalid address: must be None or"):
            client.sendto(b"three", ("127.0.0.1", 1))
        await receiving.until(lambda: len(receiving.received) == 2)
        server.sendto(b"back", receiving.received[0][1])
        await sending.until(lambda: bool(sending.received))
        assert sending.received == [(b"back", address)]
        await close(receiving, sending)

    running(main)


def test_empty_datagrams() -> None:
    async def main(_: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        own = transport.get_extra_info("sockname")
        transport.sendto(b"", own)
        transport.sendto(b"end", own)
        await protocol.until(lambda: (b"end", own) in protocol.received)
        # As asyncio's documentation has it.
        is_sent = sys.version_info >= (3, 13)
        assert [data for data, _ in protocol.received] == ([b"", b"end"] if is_sent else [b"end"])
        await close(protocol)

    running(main)


def test_a_refused_datagram_is_told_as_an_error() -> None:
    async def main(_: hoop.Loop) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as unused:
            unused.bind(LOCAL)
            address = unused.getsockname()
        transport, protocol = await open_endpoint(remote_addr=address)
        transport.sendto(b"x")
        await protocol.until(lambda: bool(protocol.errors))
        assert isinstance(protocol.errors[0], ConnectionRefusedError)
        assert not transport.is_closing()
        await close(protocol)

    running(main)


def test_an_error_of_sending_is_told_at_once() -> None:
    async def main(_: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        transport.sendto(bytes(70000), transport.get_extra_info("sockname"))
        assert [error.errno for error in protocol.errors if isinstance(error, OSError)] == [90]  # EMSGSIZE
        await close(protocol)

    running(main)


def test_data_of_other_types_are_refused() -> None:
    async def main(_: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        for data in ["text", 5, None, [1]]:
            with pytest.raises(TypeError, match="data argument must be a bytes-like object, not"):
                transport.sendto(data, LOCAL)
        with pytest.raises(TypeError, match="unexpected keyword argument 'address'"):
            transport.sendto(b"x", address=LOCAL)
        with pytest.raises(TypeError, match="missing"):
            transport.sendto()
        await close(protocol)

    running(main)


def test_a_datagram_without_an_address_ends_an_unconnected_endpoint() -> None:
    async def main(loop: hoop.Loop) -> None:
        contexts: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: contexts.append(context))
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        transport.sendto(b"x")
        assert isinstance(await protocol.lost, TypeError)
        assert contexts[0]["message"] == "Fatal write error on datagram transport"
        assert contexts[0]["transport"] is transport

    running(main)


def test_an_exception_of_the_protocol_goes_to_the_handler_and_the_next_datagram_comes() -> None:
    class Failing(Endpoint):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            raise ZeroDivisionError

    async def main(loop: hoop.Loop) -> None:
        contexts: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: contexts.append(context))
        transport, protocol = await loop.create_datagram_endpoint(Failing, local_addr=LOCAL)
        for _ in range(3):
            transport.sendto(b"x", transport.get_extra_info("sockname"))
        await protocol.until(lambda: len(protocol.received) == 3)
        assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError] * 3
        await close(protocol)

    running(main)


def test_many_datagrams_leave_turns_to_others() -> None:
    async def main(loop: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        seen: list[int] = []

        def look() -> None:
            seen.append(len(protocol.received))
            if seen[-1] < 200:
                loop.call_soon(look)

        for _ in range(200):
            transport.sendto(b"x", transport.get_extra_info("sockname"))
        loop.call_soon(look)
        await protocol.until(lambda: len(protocol.received) == 200)
        assert len(set(seen)) > 3
        await close(protocol)

    running(main)


def test_reading_pauses_and_resumes() -> None:
    async def main(loop: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        transport.pause_reading()
        assert not transport.is_reading()
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        await asyncio.sleep(0.01)
        assert protocol.received == []
        transport.resume_reading()
        await protocol.until(lambda: bool(protocol.received))
        await close(protocol)

    running(main)


# ---- ends ----


def test_an_endpoint_that_nobody_closed_warns() -> None:
    async def main(_: hoop.Loop) -> weakref.ref[Any]:
        transport, _ = await open_endpoint(local_addr=LOCAL)
        return weakref.ref(transport)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gone = running(main)
        gc.collect()
    # The collector may end the socket first, which then has something to say as well.
    messages = [str(warning.message) for warning in caught if warning.category is ResourceWarning]
    assert any(message.startswith("unclosed transport <DatagramTransport") for message in messages)
    assert gone() is None


def test_a_closed_endpoint_is_collected_and_the_number_is_free() -> None:
    async def main(loop: hoop.Loop) -> None:
        transport, protocol = await open_endpoint(local_addr=LOCAL)
        number = transport._sock_fd
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(number, print)
        await close(protocol)
        gone = weakref.ref(transport)
        del transport, protocol
        gc.collect()
        assert gone() is None
        assert loop.remove_reader(number) is False

    running(main)
