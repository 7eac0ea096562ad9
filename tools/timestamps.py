#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs programs one after another and shows when each line came: tools/timestamps.py COMMAND...

Each printed line gets the time since its program's start in front, at the moment it comes. The exit status is 1 if a
program failed.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator


def read(terminal: int) -> bytes:
    """What the program wrote; nothing at its end, which a terminal tells by an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def timed_lines(command: list[str]) -> Iterator[tuple[float, str]]:
    """Yields (seconds since the start, line) as the lines come, those on stderr too; raises CalledProcessError if the
    command fails."""
    # To a pipe C writes by the block, to a terminal by the line.
    terminal, stdout = os.openpty()
    start = time.monotonic()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stdout)
        os.close(stdout)
        rest = b""
        while chunk := read(terminal):
            now = time.monotonic() - start
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield now, line.decode(errors="replace").rstrip("\r")
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
    finally:
        os.close(terminal)


def show(command: str) -> bool:
    words = shlex.split(command)
    print(f"\n{os.path.basename(words[-1])}", flush=True)
    try:
        for seconds, line in timed_lines(words):
            print(f"{seconds:6.2f} s  {line}", flush=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        print(f"  FAILED: {failure}", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if all([show(command) for command in sys.argv[1:]]) else 1)
