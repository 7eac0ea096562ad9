# SPDX-License-Identifier: MIT
"""sock_recv and its like: results, waiting, turns, cancellation, own kinds of sockets, datagrams, what is refused."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import hoop
import pytest
from socket_pairs import Pair, running


@pytest.fixture
def datagrams() -> Iterator[Pair]:
    """Two datagram sockets that do not block, bound on loopback."""
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield one, other


class OwnSocket(socket.socket):
    """A program's own kind of socket: the loop must go through its methods."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.calls: list[str] = []

    def recv(self, *args: Any) -> bytes:
        self.calls.append("recv")
        return super().recv(*args)

    def recv_into(self, *args: Any) -> int:
        self.calls.append("recv_into")
        return super().recv_into(*args)

    def send(self, data: Any, *args: Any) -> int:
        self.calls.append("send")
        return super().send(data[:1000], *args)


def test_what_is_there_is_received_at_once(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        right.send(b"hello, world")
        assert await loop.sock_recv(left, 5) == b"hello"
        buffer = bytearray(20)
        assert await loop.sock_recv_into(left, buffer) == 7
        assert buffer[:7] == b", world"

    running(main)


def test_what_comes_later_is_waited_for(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        loop.call_later(0.01, right.send, b"one")
        assert await loop.sock_recv(left, 10) == b"one"
        loop.call_later(0.01, right.send, b"two")
        buffer = memoryview(bytearray(2))
        assert await loop.sock_recv_into(left, buffer) == 2
        assert buffer == b"tw"
        loop.call_later(0.01, right.shutdown, socket.SHUT_WR)
        assert await loop.sock_recv(left, 10) == b"o"
        assert await loop.sock_recv(left, 10) == b""

    running(main)


def test_nothing_stays_watched_after_an_operation(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        loop.call_later(0.01, right.send, b"one")
        await loop.sock_recv(left, 10)
        assert loop.remove_reader(left) is False
        # The number can have a watch of another kind.
        calls: list[str] = []
        loop.add_reader(left, calls.append, "read")
        right.send(b"x")
        while not calls:
            await asyncio.sleep(0)
        loop.remove_reader(left)

    running(main)


def test_much_data_is_sent_while_the_other_end_reads(pair: Pair) -> None:
    left, right = pair
    data = bytes(range(256)) * 20000

    async def main(loop: hoop.Loop) -> None:
        sending = asyncio.create_task(loop.sock_sendall(left, data))
        received = bytearray()
        while len(received) < len(data):
            received += await loop.sock_recv(right, 100_000)
        assert received == data
        assert await sending is None

    running(main)


def test_senders_of_much_data_take_turns_and_do_not_mix(pair: Pair) -> None:
    left, right = pair
    letters = [b"a", b"b", b"c"]
    size = 600_000

    async def main(loop: hoop.Loop) -> None:
        sending = [asyncio.create_task(loop.sock_sendall(left, letter * size)) for letter in letters]
        received = bytearray()
        while len(received) < len(letters) * size:
            received += await loop.sock_recv(right, 100_000)
        assert received == b"".join(letter * size for letter in letters)
        await asyncio.gather(*sending)

    running(main)


def test_receivers_are_served_in_the_order_of_their_calls(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        receiving = [asyncio.create_task(loop.sock_recv(left, 1)) for _ in range(3)]
        await asyncio.sleep(0)
        right.send(b"abcd")
        # Who comes later does not overtake, though there is something to read.
        receiving.append(asyncio.create_task(loop.sock_recv(left, 1)))
        assert await asyncio.gather(*receiving) == [b"a", b"b", b"c", b"d"]

    running(main)


def test_both_directions_at_once(pair: Pair) -> None:
    left, right = pair
    data = bytes(1_000_000)

    async def receive(loop: hoop.Loop, sock: socket.socket) -> int:
        count = 0
        while count < len(data):
            count += len(await loop.sock_recv(sock, 65536))
        return count

    async def main(loop: hoop.Loop) -> None:
        results = await asyncio.gather(
            loop.sock_sendall(left, data), loop.sock_sendall(right, data), receive(loop, left), receive(loop, right)
        )
        assert results == [None, None, len(data), len(data)]

    running(main)


def test_an_operation_and_a_reader_of_one_socket(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        calls: list[str] = []
        loop.add_reader(left, calls.append, "read")
        receiving = asyncio.create_task(loop.sock_recv(left, 10))
        await asyncio.sleep(0)
        right.send(b"x")
        assert await receiving == b"x"
        assert calls
        assert loop.remove_reader(left) is True

    running(main)


def test_a_cancelled_operation_takes_nothing(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        receiving = asyncio.create_task(loop.sock_recv(left, 10))
        await asyncio.sleep(0)
        right.send(b"kept")
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert await loop.sock_recv(left, 10) == b"kept"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(loop.sock_recv(left, 10), 0.01)
        right.send(b"more")
        assert await loop.sock_recv(left, 10) == b"more"

    running(main)


def test_a_cancelled_sender_lets_the_next_one_go_on(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        first = asyncio.create_task(loop.sock_sendall(left, bytes(10_000_000)))
        second = asyncio.create_task(loop.sock_sendall(left, b"end"))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        received = b""
        while not received.endswith(b"end"):
            received = await loop.sock_recv(right, 100_000)
        await second

    running(main)


def test_the_results_are_coroutines(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        right.send(b"xy")
        coroutine = loop.sock_recv(left, 1)
        assert asyncio.iscoroutine(coroutine)
        assert await coroutine == b"x"
        assert await asyncio.create_task(loop.sock_recv(left, 1)) == b"y"
        loop.call_later(0.01, right.send, b"z")
        assert await asyncio.wait_for(loop.sock_recv(left, 1), 5) == b"z"

    running(main)


def test_errors_of_the_socket_are_raised(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        right.close()
        with pytest.raises(BrokenPipeError):
            await loop.sock_sendall(left, b"x")
        left.close()
        for coroutine in [
            loop.sock_recv(left, 1),
            loop.sock_recv_into(left, bytearray(1)),
            loop.sock_sendall(left, b"x"),
            loop.sock_recvfrom(left, 1),
            loop.sock_accept(left),
        ]:
            with pytest.raises(OSError, match="Bad file descriptor"):
                await coroutine

    running(main)


def test_an_error_that_comes_while_it_waits_is_raised() -> None:
    async def main(loop: hoop.Loop) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
        client.setblocking(False)
        with client:
            receiving = asyncio.create_task(loop.sock_recv(client, 10))
            await asyncio.sleep(0)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            server.close()
            with pytest.raises(ConnectionResetError):
                await receiving

    running(main)


def test_bad_arguments_are_refused(pair: Pair) -> None:
    left, _ = pair

    async def main(loop: hoop.Loop) -> None:
        with pytest.raises(ValueError, match="negative buffersize in recv"):
            await loop.sock_recv(left, -1)
        with pytest.raises(TypeError):
            await loop.sock_recv(left, "ten")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="bytes-like object is required, not 'str'"):
            await loop.sock_sendall(left, "text")
        with pytest.raises((TypeError, BufferError)):
            await loop.sock_recv_into(left, b"constant")

    running(main)


def test_a_blocking_socket_does_not_block_the_loop_and_is_refused_in_debug_mode() -> None:
    left, right = socket.socketpair()

    async def main(loop: hoop.Loop) -> None:
        loop.set_debug(False)
        loop.call_later(0.01, right.send, b"x")
        assert await loop.sock_recv(left, 1) == b"x"
        loop.set_debug(True)
        for coroutine in [
            loop.sock_recv(left, 1),
            loop.sock_recv_into(left, bytearray(1)),
            loop.sock_recvfrom(left, 1),
            loop.sock_recvfrom_into(left, bytearray(1)),
            loop.sock_sendall(left, b"x"),
            loop.sock_sendto(left, b"x", ("127.0.0.1", 1)),
            loop.sock_connect(left, "path"),
            loop.sock_accept(left),
        ]:
            with pytest.raises(ValueError, match="the socket must be non-blocking"):
                await coroutine

    with left, right:
        running(main)


def test_a_tls_socket_is_refused(pair: Pair) -> None:
    left, _ = pair
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    wrapped = context.wrap_socket(left, do_handshake_on_connect=False)

    async def main(loop: hoop.Loop) -> None:
        for coroutine in [
            loop.sock_recv(wrapped, 1),
            loop.sock_sendall(wrapped, b"x"),
            loop.sock_connect(wrapped, ("127.0.0.1", 1)),
            loop.sock_accept(wrapped),
        ]:
            with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                await coroutine

    with wrapped:
        running(main)


def test_a_method_is_looked_up_at_each_attempt(datagrams: Pair) -> None:
    one, other = datagrams
    own = OwnSocket(fileno=one.detach())
    own.setblocking(False)

    async def main(loop: hoop.Loop) -> None:
        def refuse(*args: Any) -> int:
            raise BlockingIOError

        own.sendto = refuse  # type: ignore[method-assign, assignment]
        loop.call_soon(delattr, own, "sendto")
        assert await loop.sock_sendto(own, b"x", other.getsockname()) == 1

    with own:
        running(main)


def test_the_methods_of_a_derived_socket_are_used(pair: Pair) -> None:
    left, right = pair
    own = OwnSocket(fileno=left.detach())
    own.setblocking(False)

    async def main(loop: hoop.Loop) -> None:
        loop.call_later(0.01, right.send, b"abc")
        assert await loop.sock_recv(own, 2) == b"ab"
        assert await loop.sock_recv_into(own, bytearray(2)) == 1
        assert own.calls == ["recv", "recv", "recv_into"]
        own.calls.clear()
        await loop.sock_sendall(own, bytes(2500))
        assert own.calls == ["send"] * 3
        assert len(right.recv(10000)) == 2500

    with own:
        running(main)


# ---- datagrams ----


def test_datagrams_with_their_addresses(datagrams: Pair) -> None:
    one, other = datagrams

    async def main(loop: hoop.Loop) -> None:
        assert await loop.sock_sendto(one, b"first", other.getsockname()) == 5
        assert await loop.sock_recvfrom(other, 100) == (b"first", one.getsockname())
        loop.call_later(0.01, one.sendto, b"second", other.getsockname())
        buffer = bytearray(100)
        assert await loop.sock_recvfrom_into(other, buffer) == (6, one.getsockname())
        assert buffer[:6] == b"second"
        loop.call_later(0.01, one.sendto, b"third", other.getsockname())
        assert await loop.sock_recvfrom_into(other, buffer, 2) == (2, one.getsockname())

    running(main)
