# SPDX-License-Identifier: MIT
"""loop.sendfile: by the kernel and by reading; what was written before, what goes wrong, the file's position."""

import asyncio
import contextlib
import io
import os
import pathlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any

import hoop
import pytest
from held_file import HeldFile
from protocols import Recorder, address_of
from tls_identity import client_context, server_context

DATA = random.Random(1).randbytes(3_000_000)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> Iterator[IO[bytes]]:
    (tmp_path / "data").write_bytes(DATA)
    with open(tmp_path / "data", "rb") as file:
        yield file


@contextlib.asynccontextmanager
async def connection(tls: bool = False) -> AsyncIterator[tuple[Any, Recorder, Recorder]]:
    """A transport, its protocol, and the protocol of the other end; small buffers, so that sending takes many turns."""
    loop = asyncio.get_running_loop()
    others: list[Recorder] = []

    def accept() -> Recorder:
        others.append(Recorder())
        return others[-1]

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
    ours = socket.socket()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
    server = await loop.create_server(accept, sock=listening, ssl=server_context() if tls else None)
    async with server:
        ours.connect(address_of(server))
        keywords: Any = {"ssl": client_context(), "server_hostname": "localhost"} if tls else {}
        transport, protocol = await loop.create_connection(Recorder, sock=ours, **keywords)
        while not others or not others[0].made.done():
            await asyncio.sleep(0.001)
        try:
            yield transport, protocol, others[0]
            transport.close()
            others[0].transport.close()
            await protocol.lost
            await others[0].lost
        finally:  # a test that fails does not wait for the server for ever
            transport.abort()
            others[0].transport.abort()


WAYS = pytest.mark.parametrize("way", ["kernel", "reading", "tls"])


def take(loop: Any, way: str) -> None:
    """Lets WAY be the one that sendfile takes."""
    if way == "reading":

        async def refuse(*args: Any) -> int:
            raise asyncio.SendfileNotAvailableError("not today")

        loop._sendfile_native = refuse


@WAYS
def test_a_whole_file_is_sent(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, _, other):
            assert await loop.sendfile(transport, file) == len(DATA)
            assert await other.has(len(DATA)) == DATA
            assert file.tell() == len(DATA)

    hoop.run(main())


@WAYS
def test_a_part_of_a_file_is_sent(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, _, other):
            assert await loop.sendfile(transport, file, 1000, 100_000) == 100_000
            assert file.tell() == 101_000
            assert await loop.sendfile(transport, file, len(DATA) - 10, 100) == 10
            assert await loop.sendfile(transport, file, len(DATA) + 10, 100) == 0
            assert await loop.sendfile(transport, file, 0, 5) == 5
            expected = DATA[1000:101_000] + DATA[-10:] + DATA[:5]
            assert await other.has(len(expected)) == expected

    hoop.run(main())


@WAYS
def test_an_empty_file_is_sent(way: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").touch()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, _, _):
            with open(tmp_path / "empty", "rb") as empty:
                assert await loop.sendfile(transport, empty) == 0

    hoop.run(main())


@WAYS
def test_what_is_written_before_and_after_keeps_its_place(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            before, after = b"before" * 20_000, b"after" * 20_000
            transport.write(before)
            assert await loop.sendfile(transport, file) == len(DATA)
            transport.write(after)
            expected = before + DATA + after
            assert await other.has(len(expected)) == expected
            assert transport.get_protocol() is protocol

    hoop.run(main())


@WAYS
def test_reading_goes_on_afterwards(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            other.transport.write(b"meanwhile")
            assert transport.is_reading()
            await loop.sendfile(transport, file)
            assert await protocol.has(9) == b"meanwhile"
            transport.pause_reading()
            await loop.sendfile(transport, file, 0, 1)
            assert not transport.is_reading()

    hoop.run(main())


@WAYS
def test_the_other_end_may_hang_up(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            other.transport.pause_reading()  # or all of it may have been taken when it hangs up
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0.05)
            assert not sending.done()
            other.transport.abort()
            with pytest.raises(ConnectionError):
                await sending
            assert 0 < file.tell() <= len(DATA)
            await protocol.lost
            assert transport.is_closing()

    hoop.run(main())


@WAYS
def test_the_transport_may_be_aborted(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            other.transport.pause_reading()
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0.01)
            assert not sending.done()
            transport.abort()
            with pytest.raises(ConnectionError, match="Connection.* closed by peer"):
                await sending
            assert await protocol.lost is None
            other.transport.resume_reading()
            await other.lost

    hoop.run(main())


@WAYS
def test_sending_can_be_cancelled(way: str, file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            other.transport.pause_reading()
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            sent = file.tell()
            other.transport.resume_reading()
            transport.write(b"end")
            assert transport.get_protocol() is protocol and transport.is_reading()
            expected = DATA[:sent] + b"end"
            assert await other.has(len(expected)) == expected

    hoop.run(main())


@pytest.mark.parametrize("way", ["reading", "tls"])
def test_what_a_cancelled_sending_has_read_is_not_sent(way: str) -> None:
    file = HeldFile(DATA)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection(way == "tls") as (transport, protocol, other):
            sending = asyncio.create_task(loop.sendfile(transport, file, 5))
            await file.is_read()
            file.let_read_soon()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert transport.get_protocol() is protocol and transport.is_reading()
            transport.write(b"end")
            assert await other.has(3) == b"end"

    hoop.run(main())  # has waited for the thread when it returns
    assert file.tell() == 5


def test_reading_goes_on_though_the_file_is_closed_meanwhile() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connection() as (transport, protocol, other):
            memory = io.BytesIO(DATA)
            other.transport.pause_reading()
            sending = asyncio.create_task(loop.sendfile(transport, memory))
            await asyncio.sleep(0.01)
            memory.close()
            other.transport.resume_reading()
            with pytest.raises(ValueError, match="closed file"):
                await sending
            assert transport.get_protocol() is protocol and transport.is_reading()

    hoop.run(main())


def test_nothing_can_be_written_meanwhile(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connection() as (transport, _, other):
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                transport.write(b"data")
            assert await sending == len(DATA)
            assert await other.has(len(DATA)) == DATA

    hoop.run(main())


def test_what_is_no_file_is_read(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connection() as (transport, _, other):
            memory = io.BytesIO(DATA)
            with pytest.raises(asyncio.SendfileNotAvailableError, match="not a regular file"):
                await loop.sendfile(transport, memory, fallback=False)
            assert await loop.sendfile(transport, memory, 5) == len(DATA) - 5
            assert await other.has(len(DATA) - 5) == DATA[5:]
            assert memory.tell() == len(DATA)

    hoop.run(main())


def test_tls_cannot_do_without_reading(file: IO[bytes]) -> None:
    async def main() -> None:
        async with connection(tls=True) as (transport, _, _):
            with pytest.raises(RuntimeError, match="fallback is disabled and native sendfile is not supported"):
                await asyncio.get_running_loop().sendfile(transport, file, fallback=False)

    hoop.run(main())


@pytest.mark.parametrize("way", ["kernel", "reading"])
def test_a_protocol_that_was_told_to_pause_is_told_to_resume(way: str, file: IO[bytes]) -> None:
    class Flow(Recorder):
        def pause_writing(self) -> None:
            self.events.append("pause")

        def resume_writing(self) -> None:
            self.events.append("resume")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        take(loop, way)
        async with connection() as (transport, protocol, other):
            flow = Flow()
            transport.set_protocol(flow)
            before = bytes(2_000_000)
            transport.write(before)
            assert flow.events == ["pause"]
            await loop.sendfile(transport, file)
            expected = before + DATA
            assert await other.has(len(expected)) == expected
            while transport.get_write_buffer_size() > 0:
                await asyncio.sleep(0.001)
            assert flow.events == ["pause", "resume"]
            transport.set_protocol(protocol)

    hoop.run(main())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((-1,), ValueError, r"offset must be a non-negative integer \(got -1\)"),
        (("a",), TypeError, r"offset must be a non-negative integer \(got 'a'\)"),
        ((0, 0), ValueError, r"count must be a positive integer \(got 0\)"),
        ((0, "a"), TypeError, r"count must be a positive integer \(got 'a'\)"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    file: IO[bytes], arguments: Any, error: type[Exception], words: str
) -> None:
    async def main() -> None:
        for tls in (False, True):
            async with connection(tls) as (transport, _, _):
                with pytest.raises(error, match=words):
                    await asyncio.get_running_loop().sendfile(transport, file, *arguments)
                assert transport.is_reading()

    hoop.run(main())


def test_text_files_are_refused(file: IO[bytes]) -> None:
    async def main() -> None:
        async with connection() as (transport, _, _):
            with open(file.name) as text:
                with pytest.raises(ValueError, match="file should be opened in binary mode"):
                    await asyncio.get_running_loop().sendfile(transport, text)  # type: ignore[arg-type]

    hoop.run(main())


def test_transports_that_cannot_send_files_are_refused(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connection() as (transport, _, _):
            transport.close()
            with pytest.raises(RuntimeError, match="Transport is closing"):
                await loop.sendfile(transport, file)

        class Elsewhere(asyncio.WriteTransport):
            def is_closing(self) -> bool:
                return False

        with pytest.raises(RuntimeError, match="sendfile is not supported for transport <.*Elsewhere object"):
            await loop.sendfile(Elsewhere(), file)

    hoop.run(main())


def test_no_descriptor_is_left(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connection() as (transport, _, other):
            before = os.listdir("/proc/self/fd")
            await loop.sendfile(transport, file)
            assert os.listdir("/proc/self/fd") == before

    hoop.run(main())
