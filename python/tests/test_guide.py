# SPDX-License-Identifier: MIT
"""The guide's programs print what the guide says, and when."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "python"
EARLY, LATE = 0.02, 1.0  # seconds by which a line may miss its time

# Of each line the seconds after the first one, and the line.
EXPECTED = {
    "guide_call_soon": [(0, "hello")],
    "guide_call_later": [(0, "hello"), (0, "starting event loop"), (1, "hello"), (2, "hello"), (2.5, "loop stopped")],
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
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_guides_program_prints_its_lines_in_time(name: str) -> None:
    command = [sys.executable, "-u", "-W", "error", str(EXAMPLES / f"{name}.py")]
    lines: list[tuple[float, str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            lines.append((time.monotonic(), line.rstrip()))
    assert program.returncode == 0
    assert [line for _, line in lines] == [line for _, line in EXPECTED[name]]
    for (came, line), (due, _) in zip(lines, EXPECTED[name]):
        assert due - EARLY <= came - lines[0][0] <= due + LATE, line
