#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example that copies a file. Prints TAP.

    tests/examples/file_copy.py PROGRAM
"""

import os
import re
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from programs import Program, run, same, tap, test  # noqa: E402

LARGE = 512 << 20
PROGRESS = re.compile(r"\d+ of \d+ MiB")

program = Path(sys.argv[1])


def test_in(folder: Path) -> None:
    source, target = folder / "from", folder / "to"
    content = os.urandom(3 << 20)

    async def copies() -> None:
        source.write_bytes(content)
        source.chmod(0o640)
        status, lines = run(program, source, target)
        same((status, lines[-1:]), (0, [f"{len(content)} bytes copied"]))
        same(target.read_bytes() == content, True)
        same(target.stat().st_mode & 0o777, 0o640)

    async def says_what_is_wrong() -> None:
        nothing = folder / "nothing"
        said = f"file_copy: {nothing} to {target}: No such file or directory"
        same(run(program, nothing, target), (1, [said]))
        same(run(program, source, folder), (1, [f"file_copy: {source} to {folder}: Is a directory"]))
        same(run(program, source), (2, ["usage: file_copy FROM TO"]))
        same(target.read_bytes() == content, True)

    async def ends_by_ctrl_c() -> None:
        with source.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, LARGE)
        with Program(program, source, target) as copying:
            try:
                copying.wait_for(PROGRESS.pattern)
            except EOFError:  # it was too quick for that: such file systems share the blocks
                same((copying.process.wait(), target.stat().st_size), (0, LARGE))
                return
            copying.process.send_signal(signal.SIGINT)
            status = copying.end()
        *progress, last = copying.lines
        assert all(map(PROGRESS.fullmatch, progress)), progress
        if status != 0:  # else it had just ended
            same((status, last), (1, f"file_copy: {source} to {target}: interrupted"))
            same(target.read_bytes() == content, True)
        same(sorted(os.listdir(folder)), ["from", "to"])

    test("file_copy copies a file with its permissions", copies)
    test("file_copy says what is wrong, and leaves all as it was", says_what_is_wrong)
    test("file_copy tells how far it is, and by Ctrl-C leaves all as it was", ends_by_ctrl_c)


with tempfile.TemporaryDirectory() as place:
    test_in(Path(place))
tap.done()
