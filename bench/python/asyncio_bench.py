#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""asyncio's side of the benchmark, to the contract in bench.h: --list prints the rows, ROW does that row once and
prints one JSON line. It has the rows about processes and files, where the system does most of the work; in the others it
would only lengthen the scale. All of it is the standard library's.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

PROCESSES = 1000
PARENT_MEMORY = 1_073_741_824


async def timed(work: Callable[[int, int], Awaitable[None]], rounds: int) -> float:
    """Does rounds / 10 of the work to warm up, then rounds of it: nanoseconds a round."""
    warm = rounds // 10
    await work(0, warm)
    start = time.perf_counter_ns()
    await work(warm, warm + rounds)
    return (time.perf_counter_ns() - start) / rounds


# ---- processes ---------------------------------------------------------------


async def spawn_all(first: int, end: int) -> None:
    for _ in range(first, end):
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0


async def process_small() -> float:
    return await timed(spawn_all, PROCESSES)


async def process_large() -> float:
    memory = bytearray(b"\1") * PARENT_MEMORY
    value = await process_small()
    assert memory[-1] == 1
    return value


ROWS = [
    ("process_small", "ns", process_small),
    ("process_large", "ns", process_large),
]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: PROGRAM --list | PROGRAM ROW")
    for name, unit, measure in ROWS:
        if sys.argv[1] == "--list":
            print(name)
        elif sys.argv[1] == name:
            print(json.dumps({"row": name, "value": round(asyncio.run(measure()), 3), "unit": unit}))
            return
    if sys.argv[1] != "--list":
        sys.exit("no such row")


if __name__ == "__main__":
    main()
