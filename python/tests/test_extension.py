# SPDX-License-Identifier: MIT
"""C and Python on one loop: an extension module on hoop/python.h, built here as its users build it."""

import asyncio
import gc
import importlib
import os
import socketserver
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import hoop
import pytest

SOURCES = Path(__file__).resolve().parent.parent.parent / "examples" / "python" / "extension"


@pytest.fixture(scope="module")
def line_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("extension")
    build = [str(SOURCES / "build.sh"), str(folder)]
    done = subprocess.run(build, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("line_client")
    sys.path.remove(str(folder))


class Answers(socketserver.StreamRequestHandler):
    """Answers each line in capitals; "wait" when it is told to, "end" not at all."""

    def handle(self) -> None:
        for line in self.rfile:
            if line == b"end\n":
                return
            if line == b"wait\n":
                self.server.asked.set()  # type: ignore[attr-defined]
                self.server.answer.wait(10)  # type: ignore[attr-defined]
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked, self.answer = threading.Event(), threading.Event()

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.answer.set()
        server.shutdown()
        thread.join()


def test_python_awaits_what_c_coroutines_do(line_client: ModuleType, server: Server) -> None:
    async def main() -> None:
        connection = await line_client.connect("127.0.0.1", server.port)
        assert await connection.ask(b"how are you?\n") == b"HOW ARE YOU?\n"
        questions = [connection.ask(b"question %d\n" % number) for number in range(10)]
        assert all(asyncio.isfuture(question) for question in questions)
        assert await asyncio.gather(*questions) == [b"QUESTION %d\n" % number for number in range(10)]

    hoop.run(main())


def test_its_errors_are_exceptions(line_client: ModuleType, server: Server) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await line_client.connect("127.0.0.1", 1)
        connection = await line_client.connect("127.0.0.1", server.port)
        with pytest.raises(EOFError):
            await connection.ask(b"end\n")
        with pytest.raises(BrokenPipeError):
            await connection.ask(b"more\n")
        with pytest.raises(TypeError, match="a line is bytes"):
            connection.ask("text\n")

    hoop.run(main())


def test_cancelling_in_python_cancels_in_c(line_client: ModuleType, server: Server) -> None:
    async def main() -> None:
        connection = await line_client.connect("127.0.0.1", server.port)
        task = asyncio.create_task(use(connection))
        await asyncio.to_thread(server.asked.wait, 10)
        assert task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args == ("enough",) or sys.version_info < (3, 11)
        with pytest.raises(TimeoutError):
            other = await line_client.connect("127.0.0.1", server.port)
            server.asked.clear()
            async with asyncio.timeout(0.01):
                await other.ask(b"wait\n")
        with pytest.raises(BrokenPipeError):  # the connection knows that an answer is still to come
            await connection.ask(b"more\n")

    async def use(connection: object) -> None:
        await connection.ask(b"wait\n")  # type: ignore[attr-defined]

    hoop.run(main())


def test_the_future_is_cancelled_when_the_coroutine_has_ended_not_before(
    line_client: ModuleType, server: Server
) -> None:
    async def main() -> None:
        connection = await line_client.connect("127.0.0.1", server.port)
        question = connection.ask(b"wait\n")
        await asyncio.to_thread(server.asked.wait, 10)
        assert question.cancel() and not question.done()
        await asyncio.wait([question])
        assert question.cancelled() and not question.cancel()

    hoop.run(main())


def test_only_a_running_loop_of_hoop_will_do(line_client: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="no loop of hoop runs in this thread"):
        line_client.connect("127.0.0.1", 1)

    async def main() -> None:
        with pytest.raises(RuntimeError, match="no loop of hoop runs in this thread"):
            line_client.connect("127.0.0.1", 1)

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())


def test_a_loop_that_is_closed_lets_go_of_coroutines_that_had_not_ended(
    line_client: ModuleType, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> weakref.ref[object]:
        connection = await line_client.connect("127.0.0.1", server.port)
        question = connection.ask(b"wait\n")
        await asyncio.to_thread(server.asked.wait, 10)
        return weakref.ref(question)

    question = hoop.run(main())
    gc.collect()
    assert question() is None
    (message,) = caplog.messages
    assert message.startswith("libhoop: task") and "coroutine: 'ask'" in message


def test_the_example_prints_its_answers(line_client: ModuleType) -> None:
    command = [sys.executable, str(SOURCES.parent / "ask_lines.py")]
    environment = {**os.environ, "PYTHONPATH": str(Path(str(line_client.__file__)).parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    assert done.stdout == "b'HOW ARE YOU?\\n'\n[b'QUESTION 0\\n', b'QUESTION 1\\n', b'QUESTION 2\\n']\n"
