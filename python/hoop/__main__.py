# SPDX-License-Identifier: MIT
"""Runs an unmodified asyncio program on hoop, as python itself would run it:

    python -m hoop app.py [argument...]
    python -m hoop -m module [argument...]
    python -m hoop                           asyncio's interactive prompt, for top-level await
"""

import os
import runpy
import sys

import hoop

USAGE = "usage: python -m hoop [app.py | -m module] [argument...]"


def _fail(reason: str) -> None:
    sys.exit(f"{USAGE}\npython -m hoop: {reason}")


def _run_module(arguments: list[str]) -> None:
    if not arguments:
        _fail("-m wants the name of a module")
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _run_file(arguments: list[str]) -> None:
    path = arguments[0]
    if not os.path.exists(path):
        _fail(f"there is no file {path}")
    sys.argv = arguments
    # A folder or an archive puts itself there (runpy); a script's imports begin at its own folder.
    if os.path.isfile(path) and not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name="__main__")


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return
    hoop.install()
    if not arguments:
        sys.argv = [sys.argv[0]]
        runpy.run_module("asyncio", run_name="__main__", alter_sys=True)
    elif arguments[0] == "-m":
        _run_module(arguments[1:])
    elif arguments[0].startswith("-"):
        _fail(f"there is no option {arguments[0]}")
    else:
        _run_file(arguments)


if __name__ == "__main__":
    main()
