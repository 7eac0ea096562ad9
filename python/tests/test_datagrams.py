# SPDX-License-Identifier: MIT
"""create_datagram_endpoint and its transport: datagrams, errors, flow control, ends, and what is refused."""

import asyncio
import gc
import socket
import sys
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hoop
import pytest

LOCAL = ("127.0.0.1", 0)


class Endpoint(asyncio.DatagramProtocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.events: list[str] = []
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.events.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))
        self.changed.set()

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self.changed.set()

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")
        self.lost.set_result(exc)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)


async def open_endpoint(**keywords: Any) -> tuple[Any, Endpoint]:
    return await asyncio.get_running_loop().create_datagram_endpoint(Endpoint, **keywords)


async def close(*endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        endpoint.transport.close()
        await endpoint.lost


def running(main: Callable[[hoop.Loop], Any]) -> Any:
    async def with_loop() -> Any:
        loop: Any = asyncio.get_running_loop()
        return await asyncio.wait_for(main(loop), 20)

    return hoop.run(with_loop())


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


# ---- what cannot be sent at once ----


def full_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected datagram sockets; the first cannot send any more."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.setblocking(False)
    right.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            left.send(b"fill")
    return left, right


def drain(sock: socket.socket) -> list[bytes]:
    received = []
    try:
        while True:
            received.append(sock.recv(100_000))
    except BlockingIOError:
        return received


def test_what_cannot_be_sent_is_kept_and_the_protocol_paused_and_resumed() -> None:
    async def main(loop: hoop.Loop) -> None:
        left, right = full_pair()
        overhead = 8 if sys.version_info >= (3, 13) else 0
        with right:
            transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=left)
            assert transport.get_write_buffer_limits() == (16384, 65536)
            transport.set_write_buffer_limits(high=2500)
            assert transport.get_write_buffer_limits() == (625, 2500)
            data = bytearray(b"a" * 1000)
            transport.sendto(data)
            data[:] = b"b" * 1000
            transport.sendto(data)
            assert transport.get_write_buffer_size() == 2 * (1000 + overhead)
            assert protocol.events == ["made"]
            transport.sendto(b"c" * 1000)
            assert protocol.events == ["made", "pause"]
            received = drain(right)
            await protocol.until(lambda: "resume" in protocol.events)
            assert protocol.events == ["made", "pause", "resume"]
            assert transport.get_write_buffer_size() == 0
            received += drain(right)
            assert [block for block in received if block != b"fill"] == [b"a" * 1000, b"b" * 1000, b"c" * 1000]
            await close(protocol)

    running(main)


def test_closing_sends_what_waits_and_aborting_does_not() -> None:
    async def main(loop: hoop.Loop) -> None:
        for ends, wanted in [("close", [b"last"]), ("abort", [])]:
            left, right = full_pair()
            with right:
                transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=left)
                transport.sendto(b"last")
                getattr(transport, ends)()
                assert transport.is_closing()
                await asyncio.sleep(0.01)
                assert protocol.lost.done() == (ends == "abort")
                received = drain(right)
                assert await protocol.lost is None
                received += drain(right)
                assert [block for block in received if block != b"fill"] == wanted
                assert left.fileno() == -1

    running(main)


def test_a_unix_socket_that_is_not_connected_finds_out_that_there_is_room(tmp_path: Path) -> None:
    async def main(loop: hoop.Loop) -> None:
        path = str(tmp_path / "receiver")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(path)
            receiver.setblocking(False)
            transport, protocol = await open_endpoint(family=socket.AF_UNIX)
            count = 0
            while transport.get_write_buffer_size() == 0:
                transport.sendto(b"%d" % count, path)
                count += 1
            transport.sendto(b"%d" % count, path)
            received: list[bytes] = []
            while len(received) < count + 1:
                received += drain(receiver)
                await asyncio.sleep(0.001)
            assert received == [b"%d" % number for number in range(count + 1)]
            await close(protocol)

    running(main)


def test_sending_after_the_end_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main(_: hoop.Loop) -> None:
        server, receiving = await open_endpoint(local_addr=LOCAL)
        client, sending = await open_endpoint(remote_addr=server.get_extra_info("sockname"))
        client.close()
        client.close()
        for _ in range(10):
            client.sendto(b"x")
        await sending.lost
        client.sendto(b"x")
        await close(receiving)
        assert receiving.received == []

    running(main)
    assert "socket.send() raised exception." in caplog.text


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


def test_a_loop_that_ends_with_datagrams_waiting() -> None:
    left, right = full_pair()

    async def main(loop: hoop.Loop) -> None:
        transport, _ = await loop.create_datagram_endpoint(Endpoint, sock=left)
        transport.sendto(b"x")

    with right, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        running(main)
        gc.collect()
    assert any(str(warning.message).startswith("unclosed transport") for warning in caught)
    assert left.fileno() == -1


# ---- arguments ----


def test_unix_paths(tmp_path: Path) -> None:
    async def main(_: hoop.Loop) -> None:
        path, other = str(tmp_path / "one"), str(tmp_path / "other")
        server, receiving = await open_endpoint(local_addr=path, family=socket.AF_UNIX)
        client, sending = await open_endpoint(local_addr=other, remote_addr=path, family=socket.AF_UNIX)
        client.sendto(b"x")
        await receiving.until(lambda: bool(receiving.received))
        assert receiving.received == [(b"x", other)]
        server.sendto(b"y", other)
        await sending.until(lambda: bool(sending.received))
        assert sending.received == [(b"y", path)]
        await close(receiving, sending)
        # What was left is removed first.
        _, again = await open_endpoint(local_addr=path, family=socket.AF_UNIX)
        await close(again)
        with pytest.raises(TypeError, match="string is expected"):
            await open_endpoint(local_addr=("127.0.0.1", 0), family=socket.AF_UNIX)

    running(main)


def test_a_name_is_looked_up() -> None:
    async def main(_: hoop.Loop) -> None:
        server, receiving = await open_endpoint(local_addr=LOCAL)
        port = server.get_extra_info("sockname")[1]
        client, sending = await open_endpoint(remote_addr=("localhost", port), family=socket.AF_INET)
        client.sendto(b"x")
        await receiving.until(lambda: bool(receiving.received))
        await close(receiving, sending)

    running(main)


def test_options_of_the_socket() -> None:
    async def main(_: hoop.Loop) -> None:
        first, one = await open_endpoint(local_addr=LOCAL, reuse_port=True, allow_broadcast=True)
        own = first.get_extra_info("sockname")
        assert first.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        _, two = await open_endpoint(local_addr=own, reuse_port=True)
        with pytest.raises(OSError, match="in use"):
            await open_endpoint(local_addr=own)
        # To where broadcasts go the socket is not connected, but each datagram goes there.
        third, three = await open_endpoint(remote_addr=own, allow_broadcast=True)
        assert third.get_extra_info("peername") is None
        third.sendto(b"x")
        with pytest.raises(ValueError, match="Invalid address"):
            third.sendto(b"x", LOCAL)
        _, four = await open_endpoint(family=socket.AF_INET)
        await close(one, two, three, four)

    running(main)


def test_bad_arguments_are_refused() -> None:
    async def main(_: hoop.Loop) -> None:
        with pytest.raises(ValueError, match="unexpected address family"):
            await open_endpoint()
        with pytest.raises(TypeError, match="2-tuple is expected"):
            await open_endpoint(local_addr="127.0.0.1")
        with pytest.raises(ValueError, match="can not get address information"):
            await open_endpoint(local_addr=("::1", 0), remote_addr=LOCAL)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            with pytest.raises(ValueError, match=r"can not be used when sock is specified. \(local_addr="):
                await open_endpoint(local_addr=LOCAL, sock=sock)
            with pytest.raises(ValueError, match=r"\(reuse_port=True\)"):
                await open_endpoint(reuse_port=True, sock=sock)
        with socket.socket() as stream, pytest.raises(ValueError, match="(datagram|UDP).* was expected, got"):
            await open_endpoint(sock=stream)

    running(main)


def test_a_protocol_that_cannot_be_made_leaves_nothing_open() -> None:
    def fail() -> asyncio.DatagramProtocol:
        raise ZeroDivisionError

    async def main(loop: hoop.Loop) -> None:
        with pytest.raises(ZeroDivisionError):
            await loop.create_datagram_endpoint(fail, local_addr=LOCAL)
        gc.collect()

    running(main)


def test_a_socket_of_another_transport_stays_its_own() -> None:
    async def main(loop: hoop.Loop) -> None:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(LOCAL)
        transport, protocol = await loop.create_datagram_endpoint(Endpoint, sock=sock)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.create_datagram_endpoint(Endpoint, sock=sock)
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        await protocol.until(lambda: bool(protocol.received))
        await close(protocol)

    running(main)
