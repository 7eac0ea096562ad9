# SPDX-License-Identifier: MIT
"""Child processes: subprocess_exec and subprocess_shell.

subprocess.Popen starts them (by vfork, whatever the size of this process), so every keyword of it works. That one has
ended is seen by a pidfd, which the loop watches like any descriptor: in any thread, without SIGCHLD, and no
other child is ever touched. Where the system has no pidfd a thread waits for each child.
"""

import asyncio
import os
import subprocess
import threading
from asyncio import base_subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .base import LoopPart
from .child_watchers import check_active, find_watcher
from .log import logger

P = TypeVar("P", bound=asyncio.SubprocessProtocol)


class SubprocessTransport(base_subprocess.BaseSubprocessTransport):
    """asyncio's own: this says how a child is started."""

    _proc: "subprocess.Popen[bytes] | None"

    def _start(
        self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **kwargs: Any
    ) -> None:
        self._proc = subprocess.Popen(
            args, shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=bufsize, **kwargs
        )


def _check_text(universal_newlines: Any, bufsize: Any, text: Any, encoding: Any, errors: Any) -> None:
    """Pipes carry bytes, unbuffered."""
    if universal_newlines:
        raise ValueError("universal_newlines must be False")
    if bufsize != 0:
        raise ValueError("bufsize must be 0")
    if text:
        raise ValueError("text must be False")
    if encoding is not None:
        raise ValueError("encoding must be None")
    if errors is not None:
        raise ValueError("errors must be None")


def _reap(pid: int) -> int | None:
    """What Popen.returncode is for a child that has ended; None if somebody else has reaped it."""
    try:
        # If so, another child may have that number by now, and live.
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if reaped else None


def _told_pipe(fd: Any) -> str:
    return {subprocess.PIPE: "<pipe>", subprocess.STDOUT: "<stdout>", subprocess.DEVNULL: "<devnull>"}.get(fd, repr(fd))


def _told(what: str, stdin: Any, stdout: Any, stderr: Any) -> str:
    """WHAT, and where the child's standard streams lead to."""
    words = [what]
    if stdin is not None:
        words.append(f"stdin={_told_pipe(stdin)}")
    if stdout is not None and stderr == subprocess.STDOUT:
        words.append(f"stdout=stderr={_told_pipe(stdout)}")
    else:
        words += [f"{name}={_told_pipe(fd)}" for name, fd in (("stdout", stdout), ("stderr", stderr)) if fd is not None]
    return " ".join(words)


class Processes(LoopPart):
    def __init__(self) -> None:
        super().__init__()
        self._pidfds: set[int] = set()

    async def subprocess_exec(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], P],
        program: Any,
        *args: Any,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = False,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[SubprocessTransport, P]:
        """Starts program with args; the other keywords are those of subprocess.Popen."""
        if shell:
            raise ValueError("shell must be False")
        _check_text(universal_newlines, bufsize, text, encoding, errors)
        what = f"execute program {program!r}"
        return await self._start_child(protocol_factory, what, (program, *args), False, stdin, stdout, stderr, kwargs)

    async def subprocess_shell(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], P],
        cmd: str | bytes,
        *,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = True,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[SubprocessTransport, P]:
        """Starts a shell with a command; the other keywords are those of subprocess.Popen."""
        if not isinstance(cmd, (bytes, str)):
            raise ValueError("cmd must be a string")
        if not shell:
            raise ValueError("shell must be True")
        _check_text(universal_newlines, bufsize, text, encoding, errors)
        what = f"run shell command {cmd!r}"
        return await self._start_child(protocol_factory, what, cmd, True, stdin, stdout, stderr, kwargs)

    async def _start_child(
        self,
        protocol_factory: Callable[[], P],
        what: str,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        kwargs: dict[str, Any],
    ) -> tuple[SubprocessTransport, P]:
        protocol = protocol_factory()
        if self.get_debug():
            logger().debug(_told(what, stdin, stdout, stderr))
        connected = self.create_future()
        with self._child_is_watched() as watch:
            transport = SubprocessTransport(
                self, protocol, args, shell, stdin, stdout, stderr, 0, waiter=connected, **kwargs
            )
            watch(transport)
        try:
            await connected
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        if self.get_debug():
            logger().info("%s: %r", what, transport)
        return transport, protocol

    # ---- the end of a child ----

    @contextmanager
    def _child_is_watched(self) -> Iterator[Callable[[SubprocessTransport], None]]:
        """Around the start of a child: what to call with its transport."""
        watcher = find_watcher()
        if watcher is None:
            yield self._watch_child
            return
        with watcher:
            check_active(watcher)
            yield lambda child: watcher.add_child_handler(child.get_pid(), self._watcher_saw_end, child)

    def _watcher_saw_end(self, pid: int, returncode: int, transport: SubprocessTransport) -> None:
        """In whatever thread the watcher uses."""
        self.call_soon_threadsafe(transport._process_exited, returncode)

    def _watch_child(self, transport: SubprocessTransport) -> None:
        child = transport.get_extra_info("subprocess")
        try:
            pidfd = os.pidfd_open(child.pid)
        except (AttributeError, OSError):
            # Old or forbidden, no descriptor left, or somebody else has reaped it already.
            name = f"waitpid-{child.pid}"
            threading.Thread(target=self._wait_for_child, args=(transport, child), name=name, daemon=True).start()
        else:
            self._pidfds.add(pidfd)
            self.add_reader(pidfd, self._pidfd_is_ready, pidfd, transport, child)

    def _pidfd_is_ready(self, pidfd: int, transport: SubprocessTransport, child: "subprocess.Popen[bytes]") -> None:
        self.remove_reader(pidfd)
        self._pidfds.discard(pidfd)
        try:
            self._child_ended(transport, child)
        finally:
            os.close(pidfd)

    def _wait_for_child(self, transport: SubprocessTransport, child: "subprocess.Popen[bytes]") -> None:
        """In a thread of its own. The number stays the child's until the loop says that it has ended."""
        try:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            pass
        try:
            self.call_soon_threadsafe(self._child_ended, transport, child)
        except RuntimeError:
            _reap(child.pid)
            logger().warning("Loop %r that handles pid %r is closed", self, child.pid)

    def _child_ended(self, transport: SubprocessTransport, child: "subprocess.Popen[bytes]") -> None:
        returncode = _reap(child.pid)
        if returncode is None:
            returncode = child.returncode  # perhaps it was the Popen object that has reaped it
        if returncode is None:
            returncode = 255
            logger().warning("Unknown child process pid %d, will report returncode 255", child.pid)
        transport._process_exited(returncode)

    def close(self) -> None:
        """Drops all that is scheduled, and waits neither for the default executor nor for child processes.

        RuntimeError if the loop is running. Closing it again does nothing.
        """
        super().close()
        while self._pidfds:
            os.close(self._pidfds.pop())
