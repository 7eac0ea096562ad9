#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner counts right: run.py on small programs that speak TAP, well and badly. Prints TAP."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tap import Tap

RUN = Path(__file__).resolve().parent / "run.py"

# What a program prints, its exit status; the last line and the exit status that run.py gives to that.
CASES = {
    "all pass": ("1..2\nok 1 - a\nok 2 - b\n", 0, "2 passed, 0 failed", 0),
    "one fails": ("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", 1, "1 passed, 1 failed", 1),
    "one fails, and the program does not say so": ("1..1\nnot ok 1 - a\nok 2 - b\n", 0, "1 passed, 1 failed", 1),
    "one is skipped": ("1..2\nok 1 - a # SKIP no network\nok 2 - b\n", 0, "1 passed, 0 failed, 1 skipped", 0),
    "all are skipped": ("1..1\nok 1 - a # skip no network\n", 0, "0 passed, 0 failed, 1 skipped", 1),
    "it dies on the way": ("1..3\nok 1 - a\n", 134, "1 passed, 1 failed", 1),
    "it ends on the way": ("1..3\nok 1 - a\n", 0, "1 passed, 1 failed", 1),
    "it dies in the end": ("1..1\nok 1 - a\n", 99, "1 passed, 1 failed", 1),
    "it has no tests": ("1..0\n", 0, "0 passed, 0 failed", 1),
    "the plan comes last": ("ok 1 - a\nok 2\n1..2\n", 0, "2 passed, 0 failed", 0),
    "it does not speak TAP": ("fine\n", 0, "1 passed, 0 failed", 0),
    "it does not speak TAP, and fails": ("ok then\n", 1, "0 passed, 1 failed", 1),
}


def run(*arguments: str, **environment: str) -> tuple[str, int]:
    """run.py's last line and exit status."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOP_")}
    command = [sys.executable, str(RUN), *arguments]
    done = subprocess.run(command, env=clean | environment, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1], done.returncode


def main() -> None:
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        program, tally = Path(folder) / "program", Path(folder) / "tally"
        for name, (printed, status, *expected) in CASES.items():
            program.write_text(f"import sys\nsys.stdout.write({printed!r})\nsys.exit({status})\n")
            got = run("--tap", sys.executable, str(program))
            tap.test(name, list(got) == expected, str(got))
            line, _ = run("--tap", sys.executable, str(program), HOOP_TALLY=str(tally), HOOP_CHECK="one")
            tap.test(f"{name}: one of several runs prints no sum", "passed" not in line, line)
        got = run("--sum", str(tally))
        tap.test("several runs add up", got == ("11 passed, 6 failed, 2 skipped", 1), str(got))
        tally.write_text("3 0 0 a\n4 0 1 b\n")
        tap.test("several good runs are good", run("--sum", str(tally)) == ("7 passed, 0 failed, 1 skipped", 0))
        tally.write_text("")
        tap.test("no runs at all are not", run("--sum", str(tally)) == ("0 passed, 0 failed", 1))
    tap.done()


main()
