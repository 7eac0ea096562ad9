#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each public header compiles alone and twice, as C11 and as C++17, without a warning; and so does the example that the
design gives of the interface. Prints TAP."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from compilers import COMPILERS, INCLUDE, WARNINGS, compile_source, is_installed  # noqa: E402
from tap import Tap  # noqa: E402


def main() -> None:
    tap = Tap()
    headers = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
    tap.test("there are headers", "hoop.h" in headers and len(headers) > 5, str(headers))
    for compiler in COMPILERS:
        if not is_installed(compiler):
            tap.skip(f"{compiler} accepts each header", f"{compiler} is not installed")
            continue
        for header in headers:
            # A declaration in the end, as a header alone would be an empty C program.
            text = f"#include <{header}>\n#include <{header}>\nextern int the_end;\n"
            tap.test(f"{compiler} accepts {header}", *compile_source(compiler, text, *WARNINGS))
        # A header that breaks the rule: without this, flags that accept all would go unnoticed.
        accepted, _ = compile_source(compiler, "#include <hoop.h>\nstatic inline void f(void) { int unused; }\n", *WARNINGS)
        tap.test(f"{compiler} would tell of a warning", not accepted)
        if COMPILERS[compiler] is COMPILERS["gcc"]:
            tap.test(f"{compiler} accepts the design's example", *compile_source(compiler, HERE / "example.c", *WARNINGS))
    tap.done()


main()
