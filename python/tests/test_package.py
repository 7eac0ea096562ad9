# SPDX-License-Identifier: MIT
"""The package from outside: install and uninstall, python -m hoop."""

import asyncio
import subprocess
import sys
from pathlib import Path

import hoop
import pytest

PROGRAM = """
import asyncio, sys, __main__
from beside import word

async def main():
    print(type(asyncio.get_running_loop()).__module__, __name__, sys.argv[1:], word, __main__.__name__)

asyncio.run(main())
"""


def python(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, cwd=cwd)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("word = 'imported'")
    path = tmp_path / "app.py"
    path.write_text(PROGRAM)
    return path


def test_install_and_uninstall_choose_what_asyncio_makes() -> None:
    async def which() -> type:
        return type(asyncio.get_running_loop())

    hoop.install()
    hoop.install()
    try:
        assert asyncio.run(which()) is hoop.Loop
    finally:
        hoop.uninstall()
    hoop.uninstall()
    assert asyncio.run(which()) is not hoop.Loop


def test_a_program_runs_unmodified(program: Path) -> None:
    done = python("-m", "hoop", str(program), "-a", "b")
    assert (done.stdout, done.stderr) == ("hoop.loop __main__ ['-a', 'b'] imported __main__\n", "")


def test_a_module_runs_unmodified(program: Path) -> None:
    done = python("-m", "hoop", "-m", "app", "-a", cwd=program.parent)
    assert (done.stdout, done.stderr) == ("hoop.loop __main__ ['-a'] imported __main__\n", "")


def test_the_programs_exit_status_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "fail.py"
    path.write_text("import sys; sys.exit(3)")
    assert python("-m", "hoop", str(path)).returncode == 3
    path.write_text("1/0")
    done = python("-m", "hoop", str(path))
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_the_prompt_awaits_on_hoop() -> None:
    done = python("-m", "hoop", stdin="print(type(asyncio.get_running_loop()))\nawait asyncio.sleep(0.01, 'slept')\n")
    assert "<class 'hoop.loop.Loop'>" in done.stdout and "slept" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["nowhere.py"], "there is no file nowhere.py"), (["-m"], "-m wants the name"), (["-x"], "there is no option -x")],
)
def test_what_cannot_be_run_is_named(arguments: list[str], reason: str) -> None:
    done = python("-m", "hoop", *arguments)
    assert done.returncode == 1 and reason in done.stderr and "usage: python -m hoop" in done.stderr


def test_help_says_how() -> None:
    assert "python -m hoop -m module" in python("-m", "hoop", "--help").stdout
