#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python table's program: does one row on one event loop, the same work on each.

    loop_bench.py LOOP --list                          the rows, and serve_KIND for each kind of server
    loop_bench.py LOOP ROW                             does the row once and prints one JSON line
    loop_bench.py LOOP serve KIND ADDRESS [CERTIFICATE KEY]   prints "ready", and serves until it is killed

LOOP is the name of a module that has new_event_loop: asyncio, uvloop or hoop. All else is asyncio's, so that the rows
measure unchanged programs.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Coroutine
from typing import Any

import callbacks
import memory
import outside
import servers
import sync
import tasks

ROWS = {row.name: row for module in (callbacks, tasks, sync, outside, memory) for row in module.ROWS}


def run(loop_name: str, work: Coroutine[Any, Any, float | None]) -> float | None:
    with asyncio.Runner(loop_factory=importlib.import_module(loop_name).new_event_loop) as runner:
        return runner.run(work)


def main(arguments: list[str]) -> None:
    match arguments:
        case [_, "--list"]:
            print(*ROWS, *(f"serve_{kind}" for kind in servers.kinds()), sep="\n")
        case [loop_name, "serve", kind, address, *certificate] if kind in servers.kinds():
            run(loop_name, servers.serve(kind, address, certificate))
        case [loop_name, name] if name in ROWS:
            row = ROWS[name]
            value = run(loop_name, row.measure())
            print(json.dumps({"row": name, "value": round(value or 0.0, 3), "unit": row.unit}))
        case _:
            sys.exit("usage: PROGRAM LOOP --list | ROW | serve KIND ADDRESS [CERTIFICATE KEY]")


if __name__ == "__main__":
    main(sys.argv[1:])
