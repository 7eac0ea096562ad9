# SPDX-License-Identifier: MIT
"""What type checkers know of the package: its own sources, a program that uses it, and the stub of the extension."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import hoop._core
import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "hoop"
PROGRAMS = TESTS / "typing"
ROOT = TESTS.parent.parent
CONFIGURATION = ROOT / "pyproject.toml"
# One for each version of Python, so that tests of several can run at once.
CACHE = ROOT / ".cache" / "mypy" / f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="there is no mypy for this interpreter"),
    # Without a cache mypy reads the standard library's stubs first.
    pytest.mark.timeout(180),
]


def run_tool(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A tool of mypy's, beside the sources: what it imports is the installed package, what it reads the sources'."""
    environment = os.environ | {"MYPYPATH": str(PACKAGE.parent), "MYPY_CACHE_DIR": str(CACHE)}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=PROGRAMS, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150
    )


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_tool("mypy", "--strict", "--config-file", CONFIGURATION, "--no-error-summary", *arguments)


def test_the_package_has_no_errors_of_types() -> None:
    checked = check(PACKAGE)
    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)


def test_a_program_that_uses_the_package_has_the_types_that_it_expects() -> None:
    checked = check(PROGRAMS / "program.py")
    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)


def test_that_program_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "dev", PROGRAMS / "program.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.stderr, ran.returncode) == ("", 0)


def test_wrong_uses_are_errors() -> None:
    path = PROGRAMS / "wrong.py"
    expected = {
        (number, code)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (wrong := re.search(r"  # wrong: (.*)", line))
        for code in wrong[1].split(", ")
    }
    checked = check("--hide-error-context", "--show-error-codes", path)
    found = re.findall(r"^wrong\.py:(\d+): error: .*\[([a-z-]+)\]$", checked.stdout, re.MULTILINE)
    assert {(int(number), code) for number, code in found} == expected, checked.stdout
    assert len(expected) > 20 and checked.returncode == 1


def test_the_stub_says_what_the_extension_has() -> None:
    """Names, parameters and defaults, of the extension and of the package; of private names the stub's alone."""
    tested = run_tool("mypy.stubtest", "hoop", "--mypy-config-file", CONFIGURATION, "--concise")
    assert (tested.stdout, tested.stderr, tested.returncode) == ("", "", 0)


def test_the_stub_has_the_private_names_too() -> None:
    """Which mypy.stubtest does not ask for, and the package's Python uses."""
    stub = ast.parse((PACKAGE / "_core.pyi").read_text())
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    types = {name: value for name, value in vars(hoop._core).items() if isinstance(value, type)}
    assert set(types) <= set(classes)
    for name, type_ in types.items():
        runtime = {member for member in vars(type_) if not member.startswith("__")}
        assert runtime == names(classes[name]), name


def names(node: ast.ClassDef) -> set[str]:
    """What a class of the stub has, special methods apart."""
    functions = {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef)}
    assigned = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    attributes = {target.id for target in assigned if isinstance(target, ast.Name)}
    return {name for name in functions | attributes if not name.startswith("__")}
