# SPDX-License-Identifier: MIT
"""A running example, for the tests of those that serve until they are interrupted; and how a test is made.

The output of a program goes to a terminal, as C writes to a pipe by the block, and MESON_EXE_WRAPPER says what runs it:
an emulator, Valgrind. Times are generous: they end a test that hangs, they measure nothing.
"""

import asyncio
import os
import queue
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tap import Tap

WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
PATIENCE = 300 if WRAPPER else 50  # seconds
NOT_ITS_OWN = re.compile(r"(--|==)\d+(--|==) ")  # how Valgrind's lines begin

tap = Tap()


def test(name: str, behaviour: Callable[[], Awaitable[None]]) -> None:
    """Passes if BEHAVIOUR ends, in time, and no assert in it fails."""
    try:
        asyncio.run(asyncio.wait_for(behaviour(), PATIENCE))
    except Exception as failure:
        tap.test(name, False, f"{type(failure).__name__}: {failure}")
    else:
        tap.test(name, True)


def same(got: object, wanted: object) -> None:
    assert got == wanted, f"{str(got)[:500]!r}, not {str(wanted)[:500]!r}"


class Program:
    """`with Program(path, argument...) as program:` kills it in the end if it still runs."""

    def __init__(self, path: Path, *arguments: object) -> None:
        self.lines: list[str] = []  # those that were seen, on stdout and stderr
        self.unseen: queue.Queue[str | None] = queue.Queue()
        self.terminal, output = os.openpty()
        command = [*WRAPPER, str(path), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        os.close(output)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *failure: object) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        os.close(self.terminal)

    def read(self) -> None:
        rest = b""
        while True:
            try:
                rest += os.read(self.terminal, 65536)
            except OSError:  # a terminal's way to tell that nobody can write to it any more
                self.unseen.put(None)
                return
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if not NOT_ITS_OWN.match(text := line.decode(errors="replace").rstrip("\r")):
                    self.unseen.put(text)

    def wait_for(self, pattern: str) -> re.Match:
        """Waits for a line that has PATTERN in it."""
        while (line := self.unseen.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise EOFError(f"no line with {pattern!r} in {self.lines}")

    def port(self) -> int:
        """Where it listens, which it prints at the start."""
        return int(self.wait_for(r"listening on .*?(\d+)$")[1])

    def end(self) -> int:
        """Its exit status; all its lines are in self.lines then."""
        while (line := self.unseen.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return self.process.wait(PATIENCE)

    def is_at_rest(self) -> bool:
        state = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state in "SZ"  # asleep, or dead already

    def interrupt(self) -> int:
        """Ctrl-C once it is at rest, and its exit status.

        Under ThreadSanitizer a signal gets lost that comes while a task runs which then ends: it seems to be kept for that.
        """
        rest = 0
        deadline = time.monotonic() + PATIENCE
        while rest < 10 and time.monotonic() < deadline:
            rest = rest + 1 if self.is_at_rest() else 0
            time.sleep(0.01)
        self.process.send_signal(signal.SIGINT)
        return self.end()


def run(path: Path, *arguments: object) -> tuple[int, list[str]]:
    """Runs a program to its end: exit status and lines."""
    with Program(path, *arguments) as program:
        return program.end(), program.lines
