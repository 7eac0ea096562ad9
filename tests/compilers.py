# SPDX-License-Identifier: MIT
"""The compilers that the headers are tried with, and how to ask one whether it accepts a source."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"

C = ["-x", "c", "-std=c11"]
CPP = ["-x", "c++", "-std=c++17"]
COMPILERS = {"gcc": C, "clang": C, "g++": CPP, "clang++": CPP}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def is_installed(compiler: str) -> bool:
    return shutil.which(compiler) is not None


def compile_source(compiler: str, source: Path | str, *flags: str) -> tuple[bool, str]:
    """Checks a file, or a text, against the public headers. Returns whether it compiles, and the messages."""
    is_text = isinstance(source, str)
    command = [compiler, *COMPILERS[compiler], f"-I{INCLUDE}", "-fsyntax-only", *flags, "-" if is_text else str(source)]
    done = subprocess.run(
        command,
        input=source if is_text else "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode == 0, done.stdout
