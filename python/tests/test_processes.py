# SPDX-License-Identifier: MIT
"""subprocess_exec and subprocess_shell: streams, ends, keywords of Popen, and whose child is whose."""

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import hoop
import pytest


@pytest.fixture(params=["pidfd", "thread"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the end of a child is seen."""

    def forbidden(pid: int, flags: int = 0) -> int:
        raise PermissionError

    if request.param == "thread":
        monkeypatch.setattr(os, "pidfd_open", forbidden)
    way: str = request.param
    return way


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def python(code: str) -> tuple[str, str, str]:
    return sys.executable, "-c", code


class Recorder(asyncio.SubprocessProtocol):
    """Notes what its transport tells it."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.data = {1: b"", 2: b""}
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.data[fd] += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.told.append(("pipe lost", fd))

    def process_exited(self) -> None:
        self.told.append("exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.lost.set_result(None)


# ---- with streams ----


def test_communicate_and_the_exit_code(way: str) -> None:
    async def main() -> None:
        code = "import sys; print(len(sys.stdin.read())); sys.stderr.write('err'); sys.exit(3)"
        child = await asyncio.create_subprocess_exec(*python(code), stdin=-1, stdout=-1, stderr=-1)
        assert child.returncode is None
        assert await child.communicate(b"x" * 1000000) == (b"1000000\n", b"err")
        assert child.returncode == 3 and await child.wait() == 3

    hoop.run(main())


def test_a_shell(way: str) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_shell("echo $0 there; exit 5", stdout=subprocess.PIPE)
        assert await child.communicate() == (b"/bin/sh there\n", None)
        assert child.returncode == 5

    hoop.run(main())


def test_the_signal_that_ended_a_child_is_told(way: str) -> None:
    async def main() -> None:
        for end, expected in (("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)):
            child = await asyncio.create_subprocess_exec("sleep", "60")
            getattr(child, end)()
            assert await child.wait() == -expected
        child = await asyncio.create_subprocess_exec("sleep", "60")
        child.send_signal(signal.SIGUSR1)
        assert await child.wait() == -signal.SIGUSR1

    hoop.run(main())


def test_many_at_once(way: str) -> None:
    async def one(number: int) -> tuple[int, bytes]:
        child = await asyncio.create_subprocess_shell(f"echo {number}; exit {number}", stdout=-1)
        out, _ = await child.communicate()
        assert child.returncode is not None
        return child.returncode, out

    async def main() -> None:
        results = await asyncio.gather(*(one(number) for number in range(40)))
        assert results == [(number, b"%d\n" % number) for number in range(40)]

    hoop.run(main())


def test_children_of_loops_in_threads(way: str) -> None:
    codes: list[int | None] = []

    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*python("raise SystemExit(7)"))
        codes.append(await child.wait())

    threads = [threading.Thread(target=hoop.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [7, 7, 7, 7]


def test_a_child_that_reads_not_all_is_no_error() -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true", stdin=-1)
        await child.communicate(b"x" * 10000000)
        assert child.returncode == 0

    hoop.run(main())


# ---- the transport ----


def test_the_order_in_which_a_protocol_is_told(way: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        code = "import sys; sys.stdin.read(); print('out', end=''); print('err', end='', file=sys.stderr)"
        transport, protocol = await loop.subprocess_exec(Recorder, *python(code))
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert transport.get_pid() == transport.get_extra_info("subprocess").pid
        assert transport.get_returncode() is None and transport.get_pipe_transport(3) is None
        stdin = transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)
        assert isinstance(transport.get_pipe_transport(1), asyncio.ReadTransport)
        stdin.close()
        await protocol.lost
        assert protocol.data == {1: b"out", 2: b"err"}
        assert protocol.told[0] == "made" and protocol.told[-1] == "lost"
        assert sorted(protocol.told[1:-1], key=str) == [("pipe lost", 0), ("pipe lost", 1), ("pipe lost", 2), "exited"]
        assert transport.get_returncode() == 0
        transport.close()

    hoop.run(main())


def test_close_kills_the_child(way: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Recorder, "sleep", "60", stdin=None, stdout=None, stderr=None)
        assert not transport.is_closing()
        transport.close()
        transport.close()
        assert transport.is_closing()
        await protocol.lost
        assert transport.get_returncode() == -signal.SIGKILL

    hoop.run(main())


def test_signals_for_a_child_that_is_gone(way: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Recorder, "true")
        await protocol.lost
        for send in (transport.terminate, transport.kill, lambda: transport.send_signal(signal.SIGTERM)):
            with pytest.raises(ProcessLookupError):
                send()
        transport.close()

    hoop.run(main())


def test_a_cancelled_start_leaves_no_child() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(asyncio.create_subprocess_exec("sleep", "60", stdin=-1, stdout=-1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    hoop.run(main())


def test_a_program_that_is_not_there_is_an_error_and_nothing_leaks() -> None:
    async def main() -> None:
        gc.collect()
        before = os.listdir("/proc/self/fd")
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/does/not/exist", stdin=-1, stdout=-1, stderr=-1)
        gc.collect()
        assert os.listdir("/proc/self/fd") == before

    hoop.run(main())


def test_no_descriptor_is_left_behind(way: str) -> None:
    async def main() -> None:
        for round in range(3):
            child = await asyncio.create_subprocess_exec("true", stdin=-1, stdout=-1, stderr=-1)
            await child.communicate()
            del child
            gc.collect()
            if round == 0:
                before = os.listdir("/proc/self/fd")
        assert os.listdir("/proc/self/fd") == before

    hoop.run(main())


def test_a_loop_closed_before_its_child_ended_gives_its_descriptor_back() -> None:
    async def main() -> Any:
        return await asyncio.get_running_loop().subprocess_exec(
            Recorder, "sleep", "60", stdin=None, stdout=None, stderr=None
        )

    gc.collect()
    before = os.listdir("/proc/self/fd")
    loop = hoop.new_event_loop()
    transport, _ = loop.run_until_complete(main())
    loop.close()
    del loop
    transport.get_extra_info("subprocess").kill()
    transport.get_extra_info("subprocess").wait()
    transport.close()
    del transport, _
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


# ---- arguments ----


def test_what_is_no_use_is_refused() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        refused: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []
        start_exec = lambda **keywords: loop.subprocess_exec(Recorder, "true", **keywords)  # noqa: E731
        start_shell = lambda **keywords: loop.subprocess_shell(Recorder, "true", **keywords)  # noqa: E731
        for start in (start_exec, start_shell):
            refused += [
                ("universal_newlines must be False", start, {"universal_newlines": True}),
                ("bufsize must be 0", start, {"bufsize": 4096}),
                ("text must be False", start, {"text": True}),
                ("encoding must be None", start, {"encoding": "utf-8"}),
                ("errors must be None", start, {"errors": "strict"}),
            ]
        refused += [
            ("shell must be False", start_exec, {"shell": True}),
            ("shell must be True", start_shell, {"shell": False}),
        ]
        for words, start, keywords in refused:
            with pytest.raises(ValueError, match=f"^{words}$"):
                await start(**keywords)
        with pytest.raises(ValueError, match="^cmd must be a string$"):
            await loop.subprocess_shell(Recorder, ["true"])

    hoop.run(main())


def test_the_keywords_of_popen(tmp_path: Any) -> None:
    async def output(code: str, **keywords: Any) -> str:
        child = await asyncio.create_subprocess_exec(*python(code), stdout=-1, **keywords)
        out, _ = await child.communicate()
        assert child.returncode == 0
        return out.decode().strip()

    async def main() -> None:
        assert await output("import os; print(os.getcwd())", cwd=tmp_path) == str(tmp_path)
        assert await output("import os; print(os.environ['A'])", env={"A": "b"}) == "b"
        assert await output("import os; print(os.getsid(0) == os.getpid())", start_new_session=True) == "True"
        assert await output("import os; print(os.getpgid(0) == os.getpid())", process_group=0) == "True"
        assert await output("import os; print(oct(os.umask(0)))", umask=0o27) == "0o27"
        assert await output("import os; print(os.nice(0))", preexec_fn=lambda: os.nice(3)) == str(os.nice(0) + 3)
        reading, writing = os.pipe()
        code = f"import os; os.write({writing}, b'passed')"
        await output(code, pass_fds=[writing])
        os.close(writing)
        assert os.read(reading, 100) == b"passed"
        os.close(reading)
        both = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
        assert await output(both, stderr=subprocess.STDOUT) == "out\nerr"
        assert await output("import sys; print(sys.stdin.read())", stdin=subprocess.DEVNULL) == ""
        with open(tmp_path / "file", "w+b") as file:
            await output("import sys; print('to a file', file=sys.stderr)", stderr=file)
            file.seek(0)
            assert file.read() == b"to a file\n"

    hoop.run(main())


@pytest.mark.skipif(os.getuid() != 0, reason="only root may change the user")
def test_another_user_and_group() -> None:
    async def main() -> None:
        command = ["/usr/bin/env", "-i", "/bin/sh", "-c", "id -u; id -g; id -G"]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=-1, user=65534, group=65533, extra_groups=[65532], cwd="/"
        )
        out, _ = await child.communicate()
        assert out.split() == [b"65534", b"65533", b"65533", b"65532"]

    hoop.run(main())


# ---- whose child ----


def test_other_children_are_left_alone(way: str) -> None:
    async def main() -> None:
        others = subprocess.Popen(python("raise SystemExit(9)"))
        for _ in range(5):
            child = await asyncio.create_subprocess_exec("true")
            assert await child.wait() == 0
        assert await asyncio.to_thread(others.wait) == 9

    hoop.run(main())


def test_a_child_that_somebody_else_reaped(way: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*python("import time; time.sleep(0.2); raise SystemExit(4)"))
        status = os.waitpid(child.pid, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 4
        assert await child.wait() == 255
        assert f"Unknown child process pid {child.pid}, will report returncode 255" in caplog.messages

    caplog.set_level(logging.WARNING, "asyncio")
    hoop.run(main())


def test_a_signal_cannot_reach_another_process_before_the_loop_knows_that_the_child_ended(way: str) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("sleep", "30")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        time.sleep(0.05)  # the loop does not run meanwhile
        assert child.returncode is None
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # its number is not free yet
        assert await child.wait() == -signal.SIGKILL

    hoop.run(main())


def test_a_child_that_its_popen_object_reaped_keeps_its_code(way: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(Recorder, *python("raise SystemExit(6)"))
        transport.get_extra_info("subprocess").wait()
        await protocol.lost
        assert transport.get_returncode() == 6
        transport.close()

    hoop.run(main())


def test_sigchld_may_be_ignored(way: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true")
        assert await child.wait() == 255  # the kernel keeps no status then

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        hoop.run(main())
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_debug_mode_tells_what_is_started(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true", stdin=subprocess.PIPE, stderr=subprocess.STDOUT, stdout=-3)
        await child.wait()
        shell = await asyncio.create_subprocess_shell("exit 0", stderr=subprocess.PIPE)
        await shell.communicate()

    caplog.set_level(logging.DEBUG, "asyncio")
    with asyncio.Runner(debug=True, loop_factory=hoop.new_event_loop) as runner:
        runner.run(main())
    assert "execute program 'true' stdin=<pipe> stdout=stderr=<devnull>" in caplog.messages
    assert "run shell command 'exit 0' stderr=<pipe>" in caplog.messages
