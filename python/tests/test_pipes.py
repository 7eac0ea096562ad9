# SPDX-License-Identifier: MIT
"""connect_read_pipe and connect_write_pipe: what is read and written, flow control, ends, and what they refuse."""

import asyncio
import contextvars
import gc
import io
import logging
import os
import pty
import socket
import tempfile
import tty
import weakref
from collections.abc import Iterator
from typing import Any

import hoop
import pytest


class Recorder(asyncio.Protocol):
    """Notes what its transport tells it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.data = bytearray()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        if self.told[-1] != "data":
            self.told.append("data")
        self.data += data

    def eof_received(self) -> None:
        self.told.append("eof")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.lost.set_result(exc)


async def open_reader(pipe: Any) -> tuple[Any, Recorder]:
    return await asyncio.get_running_loop().connect_read_pipe(Recorder, pipe)


async def open_writer(pipe: Any) -> tuple[Any, Recorder]:
    return await asyncio.get_running_loop().connect_write_pipe(Recorder, pipe)


def pipe_ends() -> tuple[Any, Any]:
    """As file objects: to read, to write."""
    reading, writing = os.pipe()
    return open(reading, "rb", 0), open(writing, "wb", 0)


async def several_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0.001)


def run(main: Any) -> None:
    hoop.run(main)


# ---- both ----


def test_what_is_written_to_one_end_is_read_from_the_other() -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        reader, read = await open_reader(reading)
        writer, written = await open_writer(writing)
        assert isinstance(reader, asyncio.ReadTransport) and isinstance(writer, asyncio.WriteTransport)
        assert reader.get_extra_info("pipe") is reading and writer.get_extra_info("pipe") is writing
        assert reader.get_extra_info("socket", "none") == "none"
        assert reader.get_protocol() is read and writer.get_protocol() is written
        writer.write(b"one ")
        writer.write(bytearray(b"two "))
        writer.writelines([b"three ", memoryview(b"four")])
        writer.close()
        assert writer.is_closing()
        assert await written.lost is None
        assert await read.lost is None
        assert (bytes(read.data), read.told) == (b"one two three four", ["made", "data", "eof", "lost"])
        assert written.told == ["made", "lost"]
        assert reading.closed and writing.closed
        assert reader.get_protocol() is None

    run(main())


def test_a_protocol_is_called_in_the_context_of_its_making() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    class Protocol(Recorder):
        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())

        def connection_lost(self, exc: Exception | None) -> None:
            seen.append(variable.get())
            super().connection_lost(exc)

    async def main() -> None:
        reading, writing = pipe_ends()
        variable.set("when it was made")
        _, protocol = await asyncio.get_running_loop().connect_read_pipe(Protocol, reading)
        variable.set("later")
        with writing:
            writing.write(b"x")
        await protocol.lost

    run(main())
    assert seen == ["when it was made", "when it was made"]


def test_regular_files_are_refused_and_stay_open() -> None:
    async def main() -> None:
        with tempfile.TemporaryFile() as file:
            with pytest.raises(ValueError, match=r"^Pipe transport is for pipes/sockets only\.$"):
                await open_reader(file)
            with pytest.raises(ValueError, match="^Pipe transport is only for pipes, sockets and character devices$"):
                await open_writer(file)
            assert not file.closed

    run(main())


def test_sockets_will_do() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        reader, read = await open_reader(ours)
        writer, written = await open_writer(theirs)
        writer.write(b"x" * 1000000)
        await asyncio.sleep(0.01)
        writer.close()
        await asyncio.gather(read.lost, written.lost)
        assert len(read.data) == 1000000

    run(main())


def test_a_terminal_will_do_for_both_at_once() -> None:
    async def main() -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        file = open(slave, "r+b", 0)
        reader, read = await open_reader(file)
        writer, written = await open_writer(file)
        os.write(master, b"question")
        while read.data != b"question":
            await asyncio.sleep(0.001)
        writer.write(b"answer")
        assert os.read(master, 100) == b"answer"
        os.close(master)
        await read.lost
        writer.close()
        await written.lost

    run(main())


def test_devices_that_cannot_be_watched_will_do() -> None:
    async def main() -> None:
        reader, read = await open_reader(open("/dev/null", "rb", 0))
        assert await read.lost is None
        assert read.told == ["made", "eof", "lost"]
        writer, written = await open_writer(open("/dev/null", "wb", 0))
        writer.write(b"x" * 100000)
        assert writer.get_write_buffer_size() == 0
        writer.close()
        assert await written.lost is None
        endless, zeros = await open_reader(open("/dev/zero", "rb", 0))
        while len(zeros.data) < 1000000:
            await asyncio.sleep(0)
        endless.close()
        await zeros.lost

    run(main())


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_transport_that_nobody_closed_says_so(kind: str) -> None:
    async def main() -> weakref.ref[Any]:
        reading, writing = pipe_ends()
        pipe, other = (reading, writing) if kind == "read" else (writing, reading)
        transport, _ = await (open_reader if kind == "read" else open_writer)(pipe)
        others.append(other)
        return weakref.ref(transport)

    others: list[Any] = []
    loop = hoop.new_event_loop()
    reference = loop.run_until_complete(main())
    gc.collect()
    assert reference() is not None and " open" in repr(reference())  # the loop keeps it
    with pytest.warns(ResourceWarning, match=rf"^unclosed transport <{kind.capitalize()}PipeTransport fd=\d+ open"):
        loop.close()
        gc.collect()
    assert reference() is None
    others[0].close()


def test_debug_mode_tells_what_happens(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        reader, read = await open_reader(reading)
        reader.pause_reading()
        reader.resume_reading()
        writing.close()
        await read.lost

    caplog.set_level(logging.DEBUG, "asyncio")
    with asyncio.Runner(debug=True, loop_factory=hoop.new_event_loop) as runner:
        runner.run(main())
    said = [record.message for record in caplog.records if "ReadPipe" in record.message]
    assert [message.rsplit("> ")[-1] for message in said if "connected" not in message] == [
        "pauses reading",
        "resumes reading",
        "was closed by peer",
    ]


# ---- reading ----


def test_a_paused_reader_gets_nothing() -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        reader, read = await open_reader(reading)
        assert reader.is_reading()
        reader.pause_reading()
        reader.pause_reading()
        assert not reader.is_reading()
        writing.write(b"waits")
        await several_turns()
        assert read.data == b""
        reader.resume_reading()
        reader.resume_reading()
        await several_turns()
        assert read.data == b"waits"
        writing.close()
        await read.lost

    run(main())


def test_a_reader_that_is_closed_reads_no_more() -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        reader, read = await open_reader(reading)
        writing.write(b"too late")
        reader.close()
        reader.close()
        assert not reader.is_reading()
        assert await read.lost is None
        assert read.told == ["made", "lost"]
        with pytest.raises(BrokenPipeError):
            writing.write(b"x")
        writing.close()

    run(main())


def test_much_at_once_is_read_as_it_comes() -> None:
    sent = os.urandom(3000000)

    async def main() -> None:
        reading, writing = pipe_ends()
        reader, read = await open_reader(reading)

        def write_all() -> None:
            with io.BufferedWriter(writing) as file:
                file.write(sent)

        await asyncio.to_thread(write_all)
        await read.lost
        assert read.data == sent

    run(main())


def test_an_error_of_the_protocol_is_reported_and_reading_goes_on() -> None:
    reports: list[dict[str, Any]] = []

    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            raise ZeroDivisionError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: reports.append(context))
        reading, writing = pipe_ends()
        reader, read = await loop.connect_read_pipe(Failing, reading)
        for part in (b"one", b"two"):
            writing.write(part)
            await several_turns()
        writing.close()
        await read.lost
        assert read.data == b"onetwo"
        assert [(type(report["exception"]), report["transport"]) for report in reports] == [
            (ZeroDivisionError, reader)
        ] * 2

    run(main())


# ---- writing ----


@pytest.fixture
def full_pipe() -> Iterator[tuple[Any, Any]]:
    """One into which not a byte goes; to read, to write."""
    reading, writing = pipe_ends()
    os.set_blocking(writing.fileno(), False)
    while writing.write(b"x" * 4096) is not None:
        pass
    yield reading, writing
    reading.close()
    writing.close()


def test_a_protocol_is_paused_when_much_waits_and_resumed_when_it_is_gone(full_pipe: tuple[Any, Any]) -> None:
    async def main() -> None:
        reading, writing = full_pipe
        writer, written = await open_writer(writing)
        assert writer.get_write_buffer_limits() == (16384, 65536)
        writer.set_write_buffer_limits(high=1000)
        assert writer.get_write_buffer_limits() == (250, 1000)
        writer.write(b"y" * 1000)
        assert written.told == ["made"]
        writer.write(b"z")
        assert (written.told, writer.get_write_buffer_size()) == (["made", "pause"], 1001)
        got = b""
        while not got.endswith(b"z"):
            got += await asyncio.to_thread(reading.read, 100000)
        await several_turns()
        assert got.lstrip(b"x") == b"y" * 1000 + b"z"
        assert (written.told, writer.get_write_buffer_size()) == (["made", "pause", "resume"], 0)
        writer.close()
        await written.lost

    run(main())


def test_limits_that_make_no_sense_are_refused(full_pipe: tuple[Any, Any]) -> None:
    async def main() -> None:
        writer, written = await open_writer(full_pipe[1])
        with pytest.raises(ValueError, match=r"^high \(1\) must be >= low \(2\) must be >= 0$"):
            writer.set_write_buffer_limits(high=1, low=2)
        with pytest.raises(ValueError, match=r"must be >= 0$"):
            writer.set_write_buffer_limits(low=-1)
        writer.close()
        await written.lost

    run(main())


@pytest.mark.parametrize("how", ["close", "write_eof"])
def test_what_waits_is_written_before_the_pipe_is_closed(full_pipe: tuple[Any, Any], how: str) -> None:
    async def main() -> None:
        reading, writing = full_pipe
        writer, written = await open_writer(writing)
        assert writer.can_write_eof()
        writer.write(b"the end")
        getattr(writer, how)()
        writer.write(b"dropped")
        await several_turns()
        assert not written.lost.done()
        got = b""
        while data := await asyncio.to_thread(reading.read, 100000):
            got += data
        assert got.endswith(b"xthe end")
        assert await written.lost is None

    run(main())


def test_abort_drops_what_waits(full_pipe: tuple[Any, Any]) -> None:
    async def main() -> None:
        reading, writing = full_pipe
        writer, written = await open_writer(writing)
        writer.write(b"dropped")
        writer.abort()
        assert (await written.lost, writer.get_write_buffer_size()) == (None, 0)
        got = b""
        while data := reading.read(100000):
            got += data
        assert set(got) == {ord("x")}

    run(main())


def test_a_writer_notices_that_nobody_reads() -> None:
    async def main() -> None:
        for ends in (pipe_ends, socket.socketpair):
            reading, writing = ends()
            writer, written = await open_writer(writing)
            await several_turns()
            assert not writer.is_closing()
            reading.close()
            assert await written.lost is None

    run(main())


def test_a_reader_that_goes_while_something_waits_is_an_error(full_pipe: tuple[Any, Any]) -> None:
    async def main() -> None:
        reading, writing = full_pipe
        writer, written = await open_writer(writing)
        writer.write(b"in vain")
        reading.close()
        assert isinstance(await written.lost, BrokenPipeError)

    run(main())


def test_who_goes_on_writing_to_a_closed_pipe_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        writer, written = await open_writer(writing)
        reading.close()
        for _ in range(8):
            writer.write(b"x")
        assert isinstance(await written.lost, BrokenPipeError)

    run(main())
    warnings = [record.message for record in caplog.records]
    assert warnings and set(warnings) == {"pipe closed by peer or os.write(pipe, data) raised exception."}


def test_only_bytes_can_be_written() -> None:
    async def main() -> None:
        reading, writing = pipe_ends()
        writer, written = await open_writer(writing)
        with pytest.raises(TypeError, match="^data argument must be a bytes-like object, not 'str'$"):
            writer.write("text")
        writer.write(b"")
        writer.close()
        await written.lost
        assert reading.read() == b""
        reading.close()

    run(main())
