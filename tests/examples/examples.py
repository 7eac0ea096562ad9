#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example programs, all at once, and compares what they print, and when. Prints TAP.

    tests/examples/examples.py PROGRAM...       (an expected one that is not named is skipped)

MESON_EXE_WRAPPER says what runs a program: an emulator, Valgrind.
"""

import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from tap import Tap  # noqa: E402
from timestamps import timed_lines  # noqa: E402

WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
EARLY = 0.005  # seconds; how much a line may miss its time
LATE = 30 if WRAPPER else 0.5
# What these print depends on tens of milliseconds: too much to ask of an emulator, or of Valgrind.
HASTY = {"blocked_loop", "deadline", "first_answer_wins", "producer_consumer", "rate_limit"}
LATE_WITH_WORK = {
    "cpu_work": 120,  # on one processor, in an emulator
    "ten_thousand": 5,  # a sanitized build takes its time with each stack
}
MOST_LINES = 40  # of a program of the guide

# Of each line the time at which it is due, and the line, or a pattern where numbers vary.
EXPECTED = {
    "cpu_work": [
        (0, "148933 primes below 2000000, by threads"),
        (0, "148933 primes below 2000000, by processes"),
        (0, re.compile(r"a tick every 10 ms was late by \d{1,4}\.\d ms at worst")),
    ],
    "guide_call_soon": [
        (0, "hello"),
    ],
    "guide_call_later": [
        (0, "hello"),
        (0, "starting event loop"),
        (1, "hello"),
        (2, "hello"),
        (2.5, "loop stopped"),
    ],
    "guide_coroutine": [
        (0, "need to compute something"),
        (0, "starting long non blocking task"),
        (2, "See, I'm not blocked"),
        (3, "done with non blocking task"),
        (3, "result is 42"),
        (3, "all done"),
    ],
    "guide_ensure_future": [
        (0, "need to compute something"),
        (0, "starting long non blocking task"),
        (1, "need to compute something"),
        (1, "starting long non blocking task"),
        (3, "done with non blocking task"),
        (3, "result is 42"),
        (4, "done with non blocking task"),
        (4, "result is 42"),
        (4, "all done"),
    ],
    "first_answer_wins": [
        (0.2, "Oslo: 42"),
        (0.2, "Lisbon: Operation canceled"),
        (0.2, "Tokyo: Operation canceled"),
        (0.2, "the answer is 42"),
    ],
    "deadline": [
        (0.2, "Introduction is written"),
        (0.5, "Method is written"),
        (0.9, "Proofs takes too long"),
        (1.1, "2 chapters are saved"),
    ],
    "blocked_loop": [
        (0, "tick"),
        (0.25, "tick"),
        (0.4, "compressing in a task, as if it were a coroutine"),
        (1.4, "done"),
        (1.4, "tick"),
        (1.65, "tick"),
        (1.8, "compressing in a thread"),
        (1.9, "tick"),
        (2.15, "tick"),
        (2.4, "tick"),
        (2.65, "tick"),
        (2.8, "done"),
    ],
    "producer_consumer": [
        (0.1, "Ann has put loaf 1"),
        (0.2, "Ann has put loaf 2"),
        (0.25, "Bob has put loaf 1"),
        (0.3, "Ann has put loaf 3"),
        (0.55, "Eve has eaten a loaf"),
        (0.55, "Bob has put loaf 2"),
        (0.92, "Mia has eaten a loaf"),
        (0.92, "Bob has put loaf 3"),
        (1, "Eve has eaten a loaf"),
        (1.45, "Eve has eaten a loaf"),
        (1.64, "Mia has eaten a loaf"),
        (1.9, "Eve has eaten a loaf"),
        (1.9, "6 baked, 6 eaten"),
    ],
    "rate_limit": [
        *[(0.2, "one is done")] * 3,
        *[(0.4, "one is done")] * 3,
        *[(0.6, "one is done")] * 3,
        (0.6, "9 downloads, at most 3 at once"),
    ],
    "ten_thousand": [
        (0, "starting 10000 coroutines that sleep for one second"),
        (1, "all 10000 have finished"),
    ],
}

# What the library itself says on stderr, in regular expressions, in this order.
SAYS = {
    "blocked_loop": [
        r"hoop: the loop is stuck for \d\.\d\d s in task 'compress' #2, at:",
        r"  compress\+0x\w+ .*",
        r"hoop: a step of task 'compress' #2 took \d\.\d\d\d s",
        r"created at:",
        r"  show\+0x\w+ .*",
    ],
}
SAID = re.compile("hoop: |created at:|  ")  # how such a line begins
VALGRIND = re.compile(r"--\d+-- ")  # and one of Valgrind's about itself


def says(name: str, lines: list[str]) -> bool:
    """Does the library say what it should? Other call chain lines may come in between, and it may say more."""
    rest = iter(lines)
    return all(any(re.fullmatch(pattern, line) for line in rest) for pattern in SAYS.get(name, []))


def run(program: Path) -> tuple[list[tuple[float, str]], str]:
    """What it printed, and what went wrong."""
    lines = []
    try:
        lines.extend(timed_lines([*WRAPPER, str(program)]))
    except (OSError, subprocess.CalledProcessError) as failure:
        return lines, str(failure)
    return lines, ""


def is_as_expected(line: str, expected: str | re.Pattern) -> bool:
    return line == expected if isinstance(expected, str) else expected.fullmatch(line) is not None


def main() -> None:
    tap = Tap()
    programs = {Path(argument).name: Path(argument) for argument in sys.argv[1:]}
    tap.test("each example has an expectation", programs.keys() <= EXPECTED.keys(), str(sorted(programs)))
    with ThreadPoolExecutor(max_workers=len(EXPECTED)) as pool:
        outcomes = {name: pool.submit(run, programs[name]) for name in EXPECTED if name in programs}
    for name in EXPECTED.keys() - programs.keys():
        tap.skip(name, "not in this build")
    for name, outcome in outcomes.items():
        lines, failure = outcome.result()
        said = [line for _, line in lines if SAID.match(line)]
        lines = [(seconds, line) for seconds, line in lines if not SAID.match(line) and not VALGRIND.match(line)]
        printed = "\n".join(f"{seconds:6.2f} s  {line}" for seconds, line in lines)
        expected = EXPECTED[name]
        tap.test(f"{name} ends well", not failure, failure)
        if WRAPPER and name in HASTY:
            tap.skip(f"{name} prints what it should, in time", "too slow here")
            continue
        is_right = len(lines) == len(expected) and all(
            is_as_expected(line, wanted) for (_, line), (_, wanted) in zip(lines, expected)
        )
        tap.test(f"{name} prints what it should", is_right, printed)
        wrong = [
            f"{line!r} came at {seconds:.3f} s, not {due} s"
            for (seconds, line), (due, _) in zip(lines, expected)
            if not due - EARLY <= seconds <= due + max(LATE, LATE_WITH_WORK.get(name, 0))
        ]
        tap.test(f"{name} prints it in time", not wrong, "\n".join(wrong))
        tap.test(f"{name}: hoop says what it should", says(name, said) and (name in SAYS or not said), "\n".join(said))
        if name.startswith("guide_"):
            count = len((ROOT / "examples" / f"{name}.c").read_text().splitlines())
            tap.test(f"{name} has at most {MOST_LINES} lines", count <= MOST_LINES, f"it has {count}")
    tap.done()


main()
