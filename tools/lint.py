#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs clang-tidy and clang-format over the C sources: tools/lint.py BUILD_FOLDER

BUILD_FOLDER is configured, and says how each source is compiled; it need not be built. What is looked for stands in
.clang-tidy and .clang-format. Prints TAP, a test a file. `make format` does what clang-format wants.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from tap import Tap  # noqa: E402

TIDY = ("src", "examples", "python")
FORMAT = ("src", "include", "examples", "tests", "python")
FORMAT_VERSION = 14  # other versions break some lines elsewhere


def messages(command: list[str]) -> tuple[bool, str]:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def unique_commands(build: Path, folder: Path) -> list[str]:
    """Writes BUILD's compile commands to FOLDER, once a source: Meson has each for the shared and the static library."""
    commands = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        source = os.path.relpath(os.path.join(command["directory"], command["file"]), ROOT)
        if source.startswith(TIDY):
            commands.setdefault(source, command)
    (folder / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    return sorted(commands)


def tidy(tap: Tap, build: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        sources = unique_commands(build, Path(folder))
        tap.test("there are sources", len(sources) > 10, str(sources))
        outcomes = pool.map(lambda source: messages(["clang-tidy", "--quiet", "-p", folder, source]), sources)
        for source, outcome in zip(sources, outcomes):
            tap.test(f"clang-tidy {source}", *outcome)


def format_is_kept(tap: Tap) -> None:
    version = re.search(r"version (\d+)", messages(["clang-format", "--version"])[1])
    sources = sorted(path for folder in FORMAT for path in (ROOT / folder).rglob("*.[ch]"))
    for source in (str(path.relative_to(ROOT)) for path in sources):
        if version is None or int(version[1]) != FORMAT_VERSION:
            tap.skip(f"clang-format {source}", f"the style is clang-format {FORMAT_VERSION}'s")
        else:
            tap.test(f"clang-format {source}", *messages(["clang-format", "--dry-run", "-Werror", source]))


def main() -> None:
    tap = Tap()
    tidy(tap, Path(sys.argv[1]))
    format_is_kept(tap)
    tap.done()


main()
