#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A coroutine where a callback belongs does not compile, and the compiler says why. Prints TAP.

Each program here is compiled twice: with a callback it must compile, so that with a coroutine it can fail for one
reason only.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from compilers import COMPILERS, WARNINGS, compile_source, is_installed  # noqa: E402
from tap import Tap  # noqa: E402

REASON = "coroutines cannot be used with call_soon()"


def main() -> None:
    tap = Tap()
    for compiler in COMPILERS:
        for program in sorted(HERE.glob("*.c")):
            name = f"{compiler} {program.name}"
            if not is_installed(compiler):
                tap.skip(name, f"{compiler} is not installed")
                continue
            tap.test(f"{name}: a callback compiles", *compile_source(compiler, program, "-DGIVEN=callback", *WARNINGS))
            accepted, messages = compile_source(compiler, program, "-DGIVEN=coroutine")
            tap.test(f"{name}: a coroutine does not", not accepted and REASON in messages, messages or "it compiled")
    tap.done()


main()
