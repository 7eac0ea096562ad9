# SPDX-License-Identifier: MIT
"""Running a program of its own, for tests in which signals, forks or the end of the interpreter take part."""

import subprocess
import sys
import textwrap


def run_program(code: str, *options: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """Runs CODE in a new interpreter; what it writes is text."""
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)


def output_of(code: str, *options: str, timeout: float = 20) -> str:
    """What CODE writes. It must end well and must not complain."""
    done = run_program(code, *options, timeout=timeout)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout
