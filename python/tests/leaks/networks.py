# SPDX-License-Identifier: MIT
"""Operations of the loop on connections, both ends in this process: each does COUNT of what its name says."""

import asyncio
import contextlib
import os
import socket
import tempfile
from typing import Any

from conversations import Asker, Body, BufferedEcho, Echo, address, ask_lines, gone, many, serve_lines


async def connections(count: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        _, protocol = await loop.create_connection(Asker, host, port)
        await protocol.lost

    async with server:
        await many(count, one)
        await gone()


async def connections_by_buffers(count: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(BufferedEcho, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        _, protocol = await loop.create_connection(Asker, host, port)
        await protocol.lost

    async with server:
        await many(count, one)
        await gone()


async def connections_by_unix_sockets(count: int) -> None:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"

        async def one() -> None:
            _, protocol = await loop.create_unix_connection(Asker, path)
            await protocol.lost

        async with await loop.create_unix_server(Echo, path, backlog=1000):
            await many(count, one)
            await gone()


async def streams(count: int) -> None:
    server = await asyncio.start_server(serve_lines, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        await ask_lines(*await asyncio.open_connection(host, port))

    async with server:
        await many(count, one)
        await gone()


async def connections_that_are_aborted(count: int) -> None:
    """With data on the way, by the client and by the server in turn."""
    loop = asyncio.get_running_loop()
    ended = 0

    class Serve(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            transport.write(bytes(1_000_000))

        def data_received(self, data: bytes) -> None:
            self.transport.abort()

        def connection_lost(self, exc: BaseException | None) -> None:
            nonlocal ended
            ended += 1

    class Client(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.lost = transport, loop.create_future()

        def connection_lost(self, exc: BaseException | None) -> None:
            self.lost.set_result(None)

    server = await loop.create_server(Serve, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)
    number = 0

    async def one() -> None:
        nonlocal number
        number += 1
        transport, protocol = await loop.create_connection(Client, host, port)
        if number % 2:
            transport.abort()
        else:
            transport.write(b"enough")
        await protocol.lost

    async with server:
        await many(count, one)
        while ended < number:
            await asyncio.sleep(0.002)


async def protocols_that_raise(count: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)

    class Broken(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"x")

        def data_received(self, data: bytes) -> None:
            raise ValueError("of the test")

        def connection_lost(self, exc: BaseException | None) -> None:
            raise ValueError("of the test")

    server = await loop.create_server(Broken, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"y")
        await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with server:
        await many(count, one)
        await gone()


async def connections_that_are_refused(count: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def one() -> None:
            with contextlib.suppress(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
                raise AssertionError("somebody answered")

        await many(count, one)


async def connections_that_are_cancelled(count: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1000)
    host, port = address(server)
    number = 0

    async def one() -> None:
        nonlocal number
        number += 1
        task = loop.create_task(loop.create_connection(asyncio.Protocol, host, port))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            transport, _ = await task
            transport.close()

    async with server:
        await many(count, one)
        await gone()


def transports_that_nobody_closes(count: int) -> None:
    """The loop is closed before they are; it takes them with it."""
    import warnings

    import hoop

    async def some() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            ours, theirs = socket.socketpair()
            transport, _ = await loop.create_connection(Echo, sock=ours)
            transport.write(bytes(1_000_000))
            theirs.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(count // 20):
            hoop.run(some())


def servers(count: int) -> None:
    import hoop

    async def some() -> None:
        for _ in range(20):
            async with await asyncio.start_server(serve_lines, "127.0.0.1", 0) as server:
                await server.start_serving()
            ours, theirs = socket.socketpair()
            ours.close()
            theirs.close()

    for _ in range(count // 20):
        hoop.run(some())


async def operations_on_sockets(count: int) -> None:
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
    listening.setblocking(False)
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        accepting = loop.create_task(loop.sock_accept(listening))
        await loop.sock_connect(client, listening.getsockname())
        accepted, _ = await accepting
        waiting = loop.create_task(loop.sock_recv(accepted, 100))
        await asyncio.sleep(0)
        await loop.sock_sendall(client, b"hello")
        assert await waiting == b"hello"
        waiting = loop.create_task(loop.sock_recv_into(client, bytearray(10)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        client.close()
        accepted.close()
    listening.close()


async def readers_and_writers(count: int) -> None:
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    one.setblocking(False)
    for number in range(count):
        read, written = loop.create_future(), loop.create_future()
        loop.add_reader(one, lambda future=read: future.done() or future.set_result(1))
        loop.add_writer(one, lambda *_, future=written: future.done() or future.set_result(1), [number])
        other.send(b"x")
        await asyncio.gather(read, written)
        assert one.recv(10) == b"x"
        assert loop.remove_reader(one) and loop.remove_writer(one)
    one.close()
    other.close()


async def datagrams(count: int) -> None:
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    class Receive(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            arrived.put_nowait(data)

    receiver, _ = await loop.create_datagram_endpoint(Receive, local_addr=("127.0.0.1", 0))
    address = receiver.get_extra_info("sockname")
    for _ in range(count // 10):
        sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
        for _ in range(10):
            sender.sendto(b"hello")
            assert await arrived.get() == b"hello"
        sender.close()
    receiver.close()
    await gone()


async def pipes(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        read, write = os.pipe()
        reader = asyncio.StreamReader()
        source, _ = await loop.connect_read_pipe(lambda reader=reader: asyncio.StreamReaderProtocol(reader), open(read, "rb"))
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, open(write, "wb"))
        sink.write(b"hello")
        sink.close()
        assert await reader.read() == b"hello"
        source.close()
    await gone()


async def processes(count: int) -> None:
    for number in range(count):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        assert await process.communicate(b"hello") == (b"hello", None)
        with contextlib.suppress(FileNotFoundError):
            await asyncio.create_subprocess_exec("/does/not/exist")
        if number % 10 == 0:
            shell = await asyncio.create_subprocess_shell("sleep 100")
            shell.kill()
            assert await shell.wait() == -9
    await gone()


async def signal_handlers(count: int) -> None:
    import signal

    loop = asyncio.get_running_loop()
    for _ in range(count):
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, None)
        os.kill(os.getpid(), signal.SIGUSR1)
        await came
        assert loop.remove_signal_handler(signal.SIGUSR1)


# Each with the part of the full count that it does.
BODIES: list[tuple[Body, float]] = [
    (connections, 1),
    (connections_by_buffers, 1),
    (connections_by_unix_sockets, 1),
    (streams, 1),
    (connections_that_are_aborted, 1),
    (protocols_that_raise, 0.2),
    (connections_that_are_refused, 0.2),
    (connections_that_are_cancelled, 0.2),
    (transports_that_nobody_closes, 0.2),
    (servers, 0.2),
    (operations_on_sockets, 1),
    (readers_and_writers, 1),
    (datagrams, 1),
    (pipes, 1),
    (processes, 0.02),
    (signal_handlers, 0.2),
]
