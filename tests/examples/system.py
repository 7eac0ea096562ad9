#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the examples that have to do with the system: processes, signals, files. Prints TAP.

    tests/examples/system.py PROGRAM...
"""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from programs import Program, run, same, tap, test  # noqa: E402


# ---- pipeline ----------------------------------------------------------------


def test_pipeline(path: Path) -> None:
    async def counted() -> None:
        status, lines = await asyncio.to_thread(run, path, "seq 1 100000", "grep 7", "sort -rn", "sed -n 1,2p")
        same((status, lines[:2]), (0, ["   1  99997", "   2  99987"]))
        same(lines[2:], [f"{command}: exit status 0" for command in ("seq 1 100000", "grep 7", "sort -rn", "sed -n 1,2p")])

    async def ends() -> None:
        status, lines = await asyncio.to_thread(run, path, "exit 3", "kill -9 $$", "no-such-program", "cat")
        same(status, 0)
        assert "exit 3: exit status 3" in lines, lines
        assert "kill -9 $$: killed by signal 9" in lines, lines
        assert "no-such-program: exit status 127" in lines, lines

    async def nothing() -> None:
        status, lines = await asyncio.to_thread(run, path)
        same((status, lines), (2, ["usage: pipeline COMMAND...   (at most 16)"]))

    test("pipeline: what one command writes the next one reads", counted)
    test("pipeline: tells how each command has ended", ends)
    test("pipeline: says how it is used", nothing)


# ---- supervisor --------------------------------------------------------------


def test_supervisor(path: Path) -> None:
    async def restarts() -> None:
        with Program(path, "exit 3", "exec sleep 1000") as program:
            for _ in range(3):
                await asyncio.to_thread(program.wait_for, "exit 3: started")
                await asyncio.to_thread(program.wait_for, "exit 3: ended with 3")
            program.process.send_signal(signal.SIGTERM)
            same(await asyncio.to_thread(program.end), 0)
            same(program.lines.count("exec sleep 1000: started"), 1)
            assert "stopping" in program.lines, program.lines
            assert "exec sleep 1000: killed by signal 15" in program.lines, program.lines

    async def stubborn() -> None:
        command = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
        with Program(path, command) as program:
            await asyncio.to_thread(program.wait_for, "^ready$")
            program.process.send_signal(signal.SIGINT)
            same(await asyncio.to_thread(program.end), 0)
            same(program.lines[-1], f"{command}: killed by signal 9")

    test("supervisor: starts again what ends, and stops with SIGTERM", restarts)
    test("supervisor: kills what does not end when it is asked to", stubborn)


# ---- tail --------------------------------------------------------------------


def test_tail(path: Path) -> None:
    async def follows() -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            log.write_text("old\n")
            with Program(path, log) as program:
                # It says nothing when it has begun, so it is told until it has heard.
                heard = asyncio.create_task(asyncio.to_thread(program.wait_for, "^begin$"))
                while not heard.done():
                    with log.open("a") as file:
                        file.write("begin\n")
                    await asyncio.sleep(0.02)
                await heard
                with log.open("a") as file:
                    file.write("grows\nin pie")
                await asyncio.to_thread(program.wait_for, "^grows$")
                with log.open("a") as file:
                    file.write("ces\n")
                await asyncio.to_thread(program.wait_for, "^in pieces$")
                with log.open("a") as file:
                    file.write("the last of the old one\n")
                log.rename(Path(folder) / "log.1")
                log.write_text("a new one, of some length\n")
                await asyncio.to_thread(program.wait_for, "^the last of the old one$")
                await asyncio.to_thread(program.wait_for, "^a new one, of some length$")
                os.truncate(log, 0)
                with log.open("a") as file:
                    file.write("truncated\n")
                await asyncio.to_thread(program.wait_for, "^truncated$")
                same(await asyncio.to_thread(program.interrupt), 0)
                same([program.lines.count(line) for line in ("old", "a new one, of some length")], [0, 1])

    test("tail: follows a file that grows, is replaced, and is truncated", follows)


def main() -> None:
    programs = {Path(argument).name: Path(argument) for argument in sys.argv[1:]}
    for name, tests in {"pipeline": test_pipeline, "supervisor": test_supervisor, "tail": test_tail}.items():
        if name in programs:
            tests(programs[name])
    tap.done()


main()
