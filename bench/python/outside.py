# SPDX-License-Identifier: MIT
"""What is done outside of the loop: by another thread, and by another process."""

import asyncio

from timing import Row, timed

CALLS = 20_000
PROCESSES = 300
PROCESSES_OF_LARGE = 100
PARENT_MEMORY = 268_435_456


def nothing() -> None:
    pass


async def measure_executor() -> float:
    loop = asyncio.get_running_loop()

    async def work(rounds: int) -> None:
        for _ in range(rounds):
            await loop.run_in_executor(None, nothing)

    return await timed(work, CALLS)


async def start_processes(count: int) -> None:
    for _ in range(count):
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0


async def measure_subprocess() -> float:
    return await timed(start_processes, PROCESSES)


async def measure_subprocess_large() -> float:
    filled = bytearray(b"\1") * PARENT_MEMORY
    value = await timed(start_processes, PROCESSES_OF_LARGE)
    assert filled[-1] == 1
    return value


ROWS = (
    Row("executor", "ns", measure_executor),
    Row("subprocess", "ns", measure_subprocess),
    Row("subprocess_large", "ns", measure_subprocess_large),
)
