# SPDX-License-Identifier: MIT
"""Callbacks: scheduled at once, for later, and from another thread. They do nothing, and come in batches, so that a
loop looks for I/O once a batch.
"""

import asyncio
import threading
import time
from collections.abc import Callable

from timing import Row, timed

BATCH = 100
TIMER_BATCH = 1000
CALLS = 1_000_000
TIMERS = 300_000
CALLS_FROM_A_THREAD = 200_000


def nothing() -> None:
    pass


def nothing_of(first: object, second: object) -> None:
    pass


async def timed_in_batches(schedule_batch: Callable[[], None], rounds: int) -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds // BATCH):
            schedule_batch()
            await asyncio.sleep(0)  # goes on behind the batch

    return await timed(work, rounds)


async def measure_call_soon() -> float:
    call_soon = asyncio.get_running_loop().call_soon

    def schedule_batch() -> None:
        for _ in range(BATCH):
            call_soon(nothing)

    return await timed_in_batches(schedule_batch, CALLS)


async def measure_call_soon_arguments() -> float:
    call_soon = asyncio.get_running_loop().call_soon

    def schedule_batch() -> None:
        for _ in range(BATCH):
            call_soon(nothing_of, 1, "two")

    return await timed_in_batches(schedule_batch, CALLS)


async def measure_call_later_cancel() -> float:
    call_later = asyncio.get_running_loop().call_later

    def schedule_batch() -> None:
        for _ in range(BATCH):
            call_later(60, nothing).cancel()

    return await timed_in_batches(schedule_batch, TIMERS)


DELAY = 0.001  # uvloop counts in milliseconds, and makes call_soon of less


async def fire_batch(loop: asyncio.AbstractEventLoop) -> int:
    """Arms a batch of timers, and lets all of them fire in one pass. The time until they are due does not count."""
    call_later = loop.call_later
    begin = time.perf_counter_ns()
    for _ in range(TIMER_BATCH - 1):
        call_later(DELAY, nothing)
    fired = loop.create_future()
    call_later(DELAY, fired.set_result, None)
    armed = time.perf_counter_ns()
    due = time.monotonic() + 2 * DELAY
    while time.monotonic() < due:
        pass
    resumed = time.perf_counter_ns()
    await fired
    return armed - begin + time.perf_counter_ns() - resumed


async def measure_call_later_fire() -> float:
    loop = asyncio.get_running_loop()
    for _ in range(TIMERS // TIMER_BATCH // 10):
        await fire_batch(loop)
    return sum([await fire_batch(loop) for _ in range(TIMERS // TIMER_BATCH)]) / TIMERS


async def measure_call_soon_threadsafe() -> float:
    loop = asyncio.get_running_loop()

    async def work(rounds: int) -> None:
        done = loop.create_future()

        def flood() -> None:
            call = loop.call_soon_threadsafe
            for _ in range(rounds - 1):
                call(nothing)
            call(done.set_result, None)

        thread = threading.Thread(target=flood)
        thread.start()
        await done
        thread.join()

    return await timed(work, CALLS_FROM_A_THREAD)


ROWS = (
    Row("call_soon", "ns", measure_call_soon),
    Row("call_soon_arguments", "ns", measure_call_soon_arguments),
    Row("call_later_cancel", "ns", measure_call_later_cancel),
    Row("call_later_fire", "ns", measure_call_later_fire),
    Row("call_soon_threadsafe", "ns", measure_call_soon_threadsafe),
)
