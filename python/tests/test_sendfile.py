# SPDX-License-Identifier: MIT
"""sock_sendfile: by the kernel and by reading, parts of files, positions, what is refused."""

import asyncio
import io
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import hoop
import pytest
from held_file import HeldFile

Pair = tuple[socket.socket, socket.socket]
DATA = bytes(range(256)) * 4096  # more than a socket takes at once


@pytest.fixture(params=["file", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IO[bytes]]:
    """A file that the kernel sends, and one that must be read."""
    path = tmp_path / "data"
    path.write_bytes(DATA)
    opened: IO[bytes] = path.open("rb") if request.param == "file" else io.BytesIO(DATA)
    with opened:
        yield opened


async def receive_all(loop: hoop.Loop, sock: socket.socket) -> bytes:
    received = bytearray()
    while block := await loop.sock_recv(sock, 100_000):
        received += block
    return bytes(received)


def send(pair: Pair, call: Callable[[hoop.Loop, socket.socket], Any]) -> tuple[Any, bytes]:
    """What call(loop, sock) returns, and what the other end of the socket received."""
    left, right = pair

    async def main() -> tuple[Any, bytes]:
        loop: Any = asyncio.get_running_loop()
        receiving = asyncio.create_task(receive_all(loop, right))
        try:
            result = await asyncio.wait_for(call(loop, left), 10)
        finally:
            left.close()
            received = await receiving
        return result, received

    return hoop.run(main())


@pytest.mark.parametrize(
    ("offset", "count", "wanted"),
    [
        (0, None, DATA),
        (1000, None, DATA[1000:]),
        (1000, 2000, DATA[1000:3000]),
        (0, len(DATA), DATA),
        (len(DATA) - 10, 100, DATA[-10:]),
        (len(DATA), None, b""),
        (len(DATA) + 10, 5, b""),
    ],
)
def test_what_was_asked_for_is_sent(
    pair: Pair, file: IO[bytes], offset: int, count: int | None, wanted: bytes
) -> None:
    file.seek(77)
    result, received = send(pair, lambda loop, sock: loop.sock_sendfile(sock, file, offset, count))
    assert result == len(wanted)
    assert received == wanted
    assert file.tell() == offset + len(wanted)


def test_an_empty_file(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with path.open("rb") as file:
        assert send(pair, lambda loop, sock: loop.sock_sendfile(sock, file)) == (0, b"")


def test_the_kernel_is_not_asked_for_what_it_cannot_send(pair: Pair) -> None:
    with pytest.raises(asyncio.SendfileNotAvailableError):
        send(pair, lambda loop, sock: loop.sock_sendfile(sock, io.BytesIO(DATA), fallback=False))


def test_a_device_is_read_instead(pair: Pair) -> None:
    with open("/dev/zero", "rb", buffering=0) as device:
        assert os.fstat(device.fileno()).st_size == 0
        # A size of 0 means an empty file, as for asyncio; a count says otherwise.
        assert send(pair, lambda loop, sock: loop.sock_sendfile(sock, device, 0, 5)) == (5, bytes(5))


def test_a_cancelled_sending_leaves_the_position_behind_what_was_sent(tmp_path: Path, pair: Pair) -> None:
    left, right = pair
    path = tmp_path / "data"
    path.write_bytes(DATA)

    async def main(file: IO[bytes]) -> None:
        loop: Any = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(left, file))
        await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        left.close()
        assert file.tell() == len(await receive_all(loop, right)) > 0

    with path.open("rb", buffering=0) as file:
        hoop.run(main(file))


def test_what_a_cancelled_sending_reads_does_not_move_the_position(pair: Pair) -> None:
    file = HeldFile(DATA)

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendfile(pair[0], file, 5))
        await file.is_read()
        file.let_read_soon()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    hoop.run(main())  # has waited for the thread when it returns
    assert file.tell() == 5


def test_what_waits_for_a_thread_is_not_read_after_a_cancellation(pair: Pair) -> None:
    file = io.BytesIO(DATA)

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        held = HeldFile(DATA)
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, held.read)
        sending = asyncio.create_task(loop.sock_sendfile(pair[0], file, 5))
        await asyncio.sleep(0)  # has begun
        await held.is_read()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        held.let_read_soon()
        await busy

    hoop.run(main())
    assert file.tell() == 5


def test_bad_arguments_are_refused(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.touch()
    good = io.BytesIO(b"x")

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with path.open() as text, pytest.raises(ValueError, match="binary mode"):
            await loop.sock_sendfile(pair[0], text)
        with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(ValueError, match="SOCK_STREAM"):
            datagram.setblocking(False)
            await loop.sock_sendfile(datagram, good)
        for offset, count, error, words in [
            (0, 0, ValueError, "count must be a positive integer"),
            (0, -1, ValueError, "count must be a positive integer"),
            (0, "1", TypeError, "count must be a positive integer"),
            (-1, None, ValueError, "offset must be a non-negative integer"),
            ("1", None, TypeError, "offset must be a non-negative integer"),
        ]:
            with pytest.raises(error, match=words):
                await loop.sock_sendfile(pair[0], good, offset, count)

    hoop.run(main())
