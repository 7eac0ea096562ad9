#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the WebSocket example against the clients of Python's websockets library, and some that misbehave. Prints TAP.

    tests/examples/websocket.py PROGRAM
"""

import asyncio
import os
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
SYSTEMS_PYTHON = "/usr/bin/python3"

try:
    import websockets
except ImportError:  # Debian's package is for Debian's Python, which may not be the first one on the path
    if os.path.exists(SYSTEMS_PYTHON) and os.path.realpath(sys.executable) != os.path.realpath(SYSTEMS_PYTHON):
        os.execv(SYSTEMS_PYTHON, [SYSTEMS_PYTHON, *sys.argv])
    websockets = None

from programs import Program, same, tap, test  # noqa: E402

HOST = "127.0.0.1"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
# RFC 6455's own example of a key and its answer.
WELCOME = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
# Close frames with a code.
PROTOCOL_ERROR = b"\x88\x02" + (1002).to_bytes(2, "big")
TOO_BIG = b"\x88\x02" + (1009).to_bytes(2, "big")


def test_messages(port: int) -> None:
    def connect() -> "websockets.connect":
        return websockets.connect(f"ws://{HOST}:{port}/", max_size=None)

    async def echoes() -> None:
        messages = ["hello", "Grüße", "", b"", b"\0\xff", os.urandom(125), os.urandom(126), "x" * 65536]
        async with connect() as client:
            for message in messages:
                await client.send(message)
                same(await client.recv(), message)
            for message in messages:
                await client.send(message)
            same([await client.recv() for _ in messages], messages)

    async def large() -> None:
        message = os.urandom(1 << 20)
        async with connect() as client:
            await client.send(message)
            same(await client.recv() == message, True)

    async def fragments() -> None:
        async with connect() as client:
            await client.send(["a ", "message ", "in ", "parts"])
            same(await client.recv(), "a message in parts")
            await client.send([b"\1", b"", os.urandom(70000)])
            same(len(await client.recv()), 70001)

    async def pings() -> None:
        async with connect() as client:
            await (await client.ping(b"are you there?"))
            await client.send(b"one")
            await (await client.ping())
            same(await client.recv(), b"one")

    async def closes() -> None:
        async with connect() as client:
            await client.close(4321, "enough")
            same((client.close_code, client.close_reason), (4321, "enough"))

    async def hundred() -> None:
        async def talk(number: int) -> None:
            async with connect() as client:
                for i in range(10):
                    await client.send(f"{number}: {i}")
                    same(await client.recv(), f"{number}: {i}")

        await asyncio.gather(*map(talk, range(100)))

    test("websocket_echo sends back text and bytes, also when several are under way", echoes)
    test("websocket_echo sends back a message of 1 MiB", large)
    test("websocket_echo puts a message in fragments together", fragments)
    test("websocket_echo answers pings", pings)
    test("websocket_echo answers the goodbye", closes)
    test("websocket_echo serves a hundred clients", hundred)


async def answer(port: int, data: bytes, is_all: bool = False) -> bytes:
    """What comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    heard = b""
    try:
        if is_all:
            writer.write_eof()
        while chunk := await reader.read(65536):
            heard += chunk
    except OSError:
        pass  # it hangs up before it has read all: that resets the connection
    writer.close()
    return heard


def test_misbehaviour(port: int) -> None:
    async def shakes_hands() -> None:
        same(await answer(port, HANDSHAKE, is_all=True), WELCOME)

    async def no_websocket() -> None:
        for request in b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"\r\n\r\n", b"Sec-WebSocket-Key: \r\n\r\n":
            assert (await answer(port, request)).startswith(b"HTTP/1.1 400 "), request

    async def garbage() -> None:
        chance = random.Random(1)
        for size in 1, 100, 100000:
            heard = await answer(port, chance.randbytes(size), is_all=True)
            assert heard == b"" or heard.startswith(b"HTTP/1.1 400 "), heard

    async def garbage_after_the_handshake() -> None:
        # Not masked; a fragment of no message; an opcode and a bit that are reserved.
        for frame in b"\x81\x01x", b"\x80\x80mask", b"\x83\x81maskx", b"\xf1\x81maskx":
            same(await answer(port, HANDSHAKE + frame), WELCOME + PROTOCOL_ERROR)
        # A length that there is not, a goodbye of half a code: there it does not say which error.
        for frame in b"\xff" * 100, b"\x88\x81mask\0":
            heard = await answer(port, HANDSHAKE + frame)
            assert heard.startswith(WELCOME) and len(heard) <= len(WELCOME) + 4, heard

    async def gone_amid_a_message() -> None:
        same(await answer(port, HANDSHAKE + b"\x82\xff\0\0\0\0\0\1\0\0mask" + bytes(50000), is_all=True), WELCOME)

    async def too_long() -> None:
        # It is refused by the length that it says it has, as soon as it begins.
        same(await answer(port, HANDSHAKE + b"\x82\xff" + (1 << 30).to_bytes(8, "big") + b"maskx"), WELCOME + TOO_BIG)

    test("websocket_echo shakes hands as in the RFC", shakes_hands)
    test("websocket_echo refuses who does not ask for a WebSocket", no_websocket)
    test("websocket_echo hangs up on garbage", garbage)
    test("websocket_echo says that garbage is no frame, and hangs up", garbage_after_the_handshake)
    test("websocket_echo hangs up on who goes amid a message", gone_amid_a_message)
    test("websocket_echo refuses a message that is too long", too_long)


def main() -> None:
    with Program(Path(sys.argv[1]), HOST, 0) as server:
        port = server.port()
        test_misbehaviour(port)
        if websockets is not None:
            test_messages(port)
        else:
            tap.skip("websocket_echo and a real client", "Python's websockets are not installed")

        async def ends() -> None:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(HANDSHAKE)
            same(await reader.readexactly(len(WELCOME)), WELCOME)
            same(await asyncio.to_thread(server.interrupt), 0)
            same(await reader.read(), b"")
            same(len(server.lines), 1)

        test("websocket_echo ends by Ctrl-C, though a client is connected", ends)
    tap.done()


main()
