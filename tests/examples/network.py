#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the network examples against clients and servers that are written here, on this machine's own network. Prints TAP.

    tests/examples/network.py PROGRAM...
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from programs import Program, run, same, tap, test  # noqa: E402

HOST = "127.0.0.1"


async def end_of(reader: asyncio.StreamReader) -> None:
    """The server hangs up, and says nothing before."""
    try:
        same(await reader.read(), b"")
    except ConnectionResetError:
        pass  # as it has not read all that was said


async def exchange(port: int, data: bytes) -> bytes:
    """Says DATA and that it is all, and hears what is answered until the end."""
    reader, writer = await asyncio.open_connection(HOST, port)

    async def say() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, heard = await asyncio.gather(say(), reader.read(-1))
    writer.close()
    return heard


# ---- echo_server -------------------------------------------------------------


def test_echo_server(path: Path) -> None:
    with Program(path, HOST, 0) as server:
        port = server.port()

        async def echoes() -> None:
            sent = [os.urandom(size) for size in (1, 1000, 4096, 4097, 1 << 20)]
            same(await asyncio.gather(*(exchange(port, data) for data in sent)) == sent, True)

        async def survives_a_reset() -> None:
            client = socket.create_connection((HOST, port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sendall(bytes(100000))
            client.close()
            same(await exchange(port, b"still there"), b"still there")

        async def says_that_a_port_is_taken() -> None:
            status, lines = await asyncio.to_thread(run, path, HOST, port)
            same((status, lines), (1, [f"echo_server: {HOST} port {port}: Address already in use"]))

        async def ends() -> None:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"one")
            same(await reader.readexactly(3), b"one")
            same(await asyncio.to_thread(server.interrupt), 0)
            same(await reader.read(), b"")
            same(server.lines, [f"listening on {HOST}:{port}", "the end"])

        test("echo_server sends back what each client says", echoes)
        test("echo_server goes on after a client's reset", survives_a_reset)
        test("echo_server says that its port is taken", says_that_a_port_is_taken)
        test("echo_server ends by Ctrl-C, though a client is connected", ends)


# ---- chat --------------------------------------------------------------------


class Guest:
    """A client of the chat."""

    async def enter(self, port: int) -> "Guest":
        self.reader, self.writer = await asyncio.open_connection(HOST, port)
        self.number = int((await self.reader.readline()).removeprefix(b"you are "))
        return self

    async def hear(self, count: int) -> list[str]:
        return [(await self.reader.readline()).decode() for _ in range(count)]

    def say(self, text: str) -> None:
        self.writer.write(text.encode())


async def slow_guest(port: int) -> socket.socket:
    """One that does not read more than it must to be known as a guest."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (HOST, port))
    while not (await loop.sock_recv(client, 1)).endswith(b"\n"):
        pass
    return client


def test_chat(path: Path) -> None:
    with Program(path, HOST, 0) as server:
        port = server.port()

        async def hundred_talk() -> None:
            guests = await asyncio.gather(*(Guest().enter(port) for _ in range(100)))

            async def talk(guest: Guest) -> None:
                others = {f"{other.number}: line {i}\n" for other in guests if other is not guest for i in range(10)}
                for i in range(10):
                    guest.say(f"line {i}\n")
                heard = await guest.hear(len(others))
                same(set(heard) == others, True)
                for other in guests:  # each other one's lines came in the order in which they were said
                    own = [line for line in heard if line.startswith(f"{other.number}: ")]
                    same(own, sorted(own))

            await asyncio.gather(*map(talk, guests))
            for guest in guests:
                guest.writer.close()

        async def slow_one_is_dropped() -> None:
            speaker, listener = await Guest().enter(port), await Guest().enter(port)
            slow = await slow_guest(port)
            dropped = asyncio.create_task(asyncio.to_thread(server.wait_for, "does not read"))
            while not dropped.done():
                speaker.say(("x" * 999 + "\n") * 100)
                same(set(await listener.hear(100)), {f"{speaker.number}: " + "x" * 999 + "\n"})
            await dropped
            slow.close()
            listener.say("we are still here\n")
            same(await speaker.hear(1), [f"{listener.number}: we are still here\n"])
            speaker.writer.close()
            listener.writer.close()

        async def lines_only() -> None:
            endless, cut, listener = [await Guest().enter(port) for _ in range(3)]
            endless.say("x" * 5000)
            await end_of(endless.reader)
            cut.say("a line\nand half of")
            cut.writer.write_eof()
            await end_of(cut.reader)
            last = await Guest().enter(port)
            last.say("the last\n")
            same(await listener.hear(2), [f"{cut.number}: a line\n", f"{last.number}: the last\n"])

        async def ends() -> None:
            guest = await Guest().enter(port)
            same(await asyncio.to_thread(server.interrupt), 0)
            same(await guest.reader.read(), b"")
            same(len(server.lines), 2)

        test("chat passes the lines of a hundred clients on to all others", hundred_talk)
        test("chat drops a client that does not read, and nobody waits for it", slow_one_is_dropped)
        test("chat drops who sends no line, and passes no half ones on", lines_only)
        test("chat ends by Ctrl-C, though a client is connected", ends)


# ---- proxy -------------------------------------------------------------------


def test_proxy(path: Path) -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(-1)  # up to the end: the answer comes when that has come
        writer.write(b"%d " % len(data) + data[::-1])
        writer.close()

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def behind_proxy(serve: Callable, use: Callable[[int, asyncio.Server], Awaitable[None]]) -> None:
        server = await asyncio.start_server(serve, HOST, 0)
        with Program(path, 0, HOST, server.sockets[0].getsockname()[1]) as proxy:
            await use(await asyncio.to_thread(proxy.port), server)
            same(await asyncio.to_thread(proxy.interrupt), 0)
        server.close()

    async def both_ways() -> None:
        async def use(port: int, server: asyncio.Server) -> None:
            sent = [os.urandom(1 << 20) for _ in range(5)]
            heard = await asyncio.gather(*(exchange(port, data) for data in sent))
            same([answer == b"%d " % len(data) + data[::-1] for data, answer in zip(sent, heard)], [True] * 5)

        await behind_proxy(count, use)

    async def a_break_is_passed_on() -> None:
        async def use(port: int, server: asyncio.Server) -> None:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"x")
            await end_of(reader)
            writer.close()

        await behind_proxy(break_off, use)

    async def nobody_behind_it() -> None:
        async def use(port: int, server: asyncio.Server) -> None:
            server.close()
            await server.wait_closed()
            same(await exchange(port, b""), b"")
            same(await exchange(port, b""), b"")

        await behind_proxy(count, use)

    test("proxy passes on both ways, and each end on its own", both_ways)
    test("proxy ends a client whose server breaks off", a_break_is_passed_on)
    test("proxy goes on when nobody listens behind it", nobody_behind_it)


# ---- port_scan ---------------------------------------------------------------


def bound(port: int = 0) -> socket.socket:
    """A socket that has a port, and does not listen."""
    result = socket.socket()
    try:
        result.bind((HOST, port))
    except OSError:
        result.close()
        raise
    return result


def neighbours(count: int) -> list[socket.socket]:
    """Sockets with ports that follow each other."""
    while True:
        first = bound()
        with ExitStack() as stack:
            sockets = [stack.enter_context(first)]
            try:
                for i in range(1, count):
                    sockets.append(stack.enter_context(bound(first.getsockname()[1] + i)))
            except (OSError, OverflowError):
                continue
            stack.pop_all()
            return sockets


def make_silent(server: socket.socket) -> list[socket.socket]:
    """Fills the queue of those that wait to be accepted: the system answers no others then."""
    server.listen(0)
    clients = []
    for _ in range(3):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        clients.append(client)
    return clients


def test_port_scan(path: Path) -> None:
    async def tells_apart() -> None:
        sockets = neighbours(3)
        first = sockets[0].getsockname()[1]
        sockets[1].listen()
        waiting = make_silent(sockets[2])
        got = await asyncio.to_thread(run, path, HOST, first, first + 2)
        same(got, (0, [f"{first + 1} is open", "1 open, 1 refused, 1 silent"]))
        for each in sockets + waiting:
            each.close()

    async def so_many_at_once() -> None:
        sockets = neighbours(3)
        first = sockets[0].getsockname()[1]
        waiting = [client for each in sockets for client in make_silent(each)]
        start = time.monotonic()
        same(await asyncio.to_thread(run, path, HOST, first, first + 2, 1), (0, ["0 open, 0 refused, 3 silent"]))
        took = time.monotonic() - start
        assert took >= 3, f"three seconds one after another took {took}"
        for each in sockets + waiting:
            each.close()

    async def many() -> None:
        status, lines = await asyncio.to_thread(run, path, "localhost", 1, 2000, 50)
        counts = [int(word) for word in lines[-1].split() if word.isdigit()]
        same((status, sum(counts), len(lines) - 1), (0, 2000, counts[0]))

    test("port_scan tells open, refused and silent ports apart", tells_apart)
    test("port_scan tries so many at once", so_many_at_once)
    test("port_scan scans two thousand ports", many)


# ---- network -----------------------------------------------------------------


def test_network(path: Path) -> None:
    async def thousand() -> None:
        status, lines = await asyncio.to_thread(run, path)
        ticks = [line for line in lines if line.startswith("not blocked, ")]
        same((status, len(lines) - len(ticks)), (0, 2))
        same(lines[-1], "20000 messages came back as they were sent")
        assert len(ticks) >= 3, str(lines)

    test("network: a thousand clients talk, and the loop is not blocked", thousand)


def main() -> None:
    programs = {Path(argument).name: Path(argument) for argument in sys.argv[1:]}
    for name, tests in {
        "echo_server": test_echo_server,
        "chat": test_chat,
        "proxy": test_proxy,
        "port_scan": test_port_scan,
        "network": test_network,
    }.items():
        tests(programs[name])
    tap.done()


main()
