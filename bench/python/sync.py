# SPDX-License-Identifier: MIT
"""Time limits, queues and locks: asyncio's own Python code, on the loop's timers, futures and tasks."""

import asyncio

from timing import Row, timed

LIMITED = 100_000
LIMIT = 60
ITEMS = 200_000
LOCKING_TASKS = 4
ACQUISITIONS = 100_000


async def measure_wait_for() -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.wait_for(asyncio.sleep(0), LIMIT)

    return await timed(work, LIMITED)


async def measure_timeout() -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds):
            async with asyncio.timeout(LIMIT):
                await asyncio.sleep(0)

    return await timed(work, LIMITED)


async def timed_queue(size: int) -> float:
    async def put_all(queue: asyncio.Queue[int], items: int) -> None:
        for item in range(items):
            await queue.put(item)

    async def work(rounds: int) -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(size)
        async with asyncio.TaskGroup() as group:
            group.create_task(put_all(queue, rounds))
            for item in range(rounds):
                assert await queue.get() == item

    return await timed(work, ITEMS)


async def measure_queue_10() -> float:
    return await timed_queue(10)


async def measure_queue_1() -> float:
    return await timed_queue(1)


async def measure_lock() -> float:
    async def acquire_all(lock: asyncio.Lock, times: int) -> None:
        for _ in range(times):
            async with lock:
                await asyncio.sleep(0)

    async def work(rounds: int) -> None:
        lock = asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            for _ in range(LOCKING_TASKS):
                group.create_task(acquire_all(lock, rounds // LOCKING_TASKS))

    return await timed(work, ACQUISITIONS)


ROWS = (
    Row("wait_for", "ns", measure_wait_for),
    Row("timeout", "ns", measure_timeout),
    Row("queue_10", "ns", measure_queue_10),
    Row("queue_1", "ns", measure_queue_1),
    Row("lock", "ns", measure_lock),
)
