# SPDX-License-Identifier: MIT
"""IPython: awaits at its prompt and in its scripts, and the prompt itself, which prompt_toolkit runs on a loop."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from loops import LoopKind

OPTIONS = ("-m", "IPython", "--no-banner", "--no-confirm-exit", "--colors=nocolor", "--HistoryManager.enabled=False")
NAME_LOOP = "'<' + type(asyncio.get_running_loop()).__module__.partition('.')[0] + '>'"  # which an echo is not


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "IPYTHONDIR": str(tmp_path), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}


def run(loop: LoopKind, environment: dict[str, str], *lines: str, python: tuple[str, ...] | None = None) -> str:
    command = [*(python or loop.python), *OPTIONS, "-c", "\n".join(("import asyncio", *lines))]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_top_level_await(loop: LoopKind, environment: dict[str, str]) -> None:
    """`python -m hoop -m IPython`: IPython asks asyncio for its loop."""
    output = run(
        loop,
        environment,
        "async def double(number): await asyncio.sleep(0); return number * 2",
        "print(sum(await asyncio.gather(*map(double, range(10)))))",
        f"print({NAME_LOOP})",
    )
    assert output.split() == ["90", f"<{loop.name}>"]


def test_autoawait_with_a_runner(loop: LoopKind, environment: dict[str, str]) -> None:
    """`%autoawait hoop.run`: IPython hands each awaiting cell to that function, here in a process without `-m hoop`."""
    plain = (loop.python[0],)
    cell = f"await asyncio.sleep(0.01); print({NAME_LOOP})"
    output = run(
        loop,
        environment,
        "shell = get_ipython()",
        f"shell.run_line_magic('autoawait', '{loop.name}.run')",
        f"shell.run_cell({cell!r}).raise_error()",
        python=plain,
    )
    assert output.split() == [f"<{loop.name}>"]


@pytest.fixture
def prompt(loop: LoopKind, environment: dict[str, str]) -> Iterator["pexpect.spawn[str]"]:
    command, *arguments = (*loop.python, *OPTIONS)
    child = pexpect.spawn(command, arguments, env=environment, encoding="utf-8", timeout=30, dimensions=(50, 200))
    try:
        child.expect(r"In \[1\]:")
        yield child
    finally:
        child.close(force=True)


def enter(prompt: "pexpect.spawn[str]", line: str, number: int, answer: str) -> None:
    """Types LINE at the prompt, sees the ANSWER to it, and the prompt of the next NUMBER."""
    prompt.send(f"{line}\r")
    prompt.expect_exact(answer)
    prompt.expect(rf"In \[{number}\]:")


def test_prompt(prompt: "pexpect.spawn[str]", loop: LoopKind) -> None:
    enter(prompt, "import asyncio", 2, "")
    enter(prompt, f"await asyncio.sleep(0.01) or {NAME_LOOP}", 3, f"'<{loop.name}>'")
    enter(prompt, "await asyncio.sleep(0, 1111) * 9", 4, "9999")
    enter(prompt, "1 / 0", 5, "ZeroDivisionError")
    prompt.send("exit\r")
    prompt.expect(pexpect.EOF)
    assert prompt.wait() == 0


def test_tasks_run_while_the_prompt_waits(prompt: "pexpect.spawn[str]") -> None:
    """`%gui asyncio`: the prompt is a task of the same loop as what was typed."""
    enter(prompt, "%gui asyncio", 2, "")
    enter(prompt, "import asyncio", 3, "")
    enter(prompt, "async def report(): await asyncio.sleep(0.05); print('<' + 'reported' + '>')", 4, "")
    enter(prompt, "task = asyncio.create_task(report()); await asyncio.sleep(0)", 5, "")
    prompt.expect_exact("<reported>")
    enter(prompt, "task.done()", 6, "True")


def test_interrupting_an_await(prompt: "pexpect.spawn[str]") -> None:
    """Ctrl-C while the loop waits."""
    enter(prompt, "import asyncio", 2, "")
    prompt.send("print('<' + 'waiting' + '>'); await asyncio.sleep(60)\r")
    prompt.expect_exact("<waiting>")
    prompt.sendintr()
    prompt.expect("KeyboardInterrupt|CancelledError")
    prompt.expect(r"In \[3\]:")
    enter(prompt, "await asyncio.sleep(0, 1111) * 9", 4, "9999")
