# SPDX-License-Identifier: MIT
"""Operations of the loop without a network: each does COUNT of what its name says, on a loop of its own."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import hoop

Body = Callable[[int], Any]


def _ignore(*_: object) -> None:
    pass


async def call_soon(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count // 4):
        loop.call_soon(_ignore)
        loop.call_soon(_ignore, 1, context=contextvars.copy_context())
        loop.call_soon(_ignore, 1, [2])
        loop.call_soon(_ignore, [3]).cancel()
        await asyncio.sleep(0)


async def callbacks_that_are_dropped_with_the_loop(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count // 2):
        loop.call_soon(_ignore, [])
        loop.call_later(1000, _ignore, [])
    loop.stop()


async def timers(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count // 2):
        loop.call_later(0, _ignore, [1])
        loop.call_at(loop.time() + 1000, _ignore, [2], 3).cancel()
    await asyncio.sleep(0.01)


async def handles_in_cycles(count: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(count):
        holder: list[object] = [loop]
        holder.append(loop.call_soon(_ignore, holder) if number % 2 else loop.call_later(0, holder.append, holder))
        if number % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.01)


async def tasks(count: int) -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return number

    for _ in range(count // 100):
        made = [asyncio.create_task(work(number), name="work") for number in range(50)]
        await asyncio.gather(*made)
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(work(number), context=contextvars.copy_context())


async def tasks_of_a_factory(count: int) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **keywords: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=loop, **keywords)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    for _ in range(count):
        await loop.create_task(work(), name="work")


async def tasks_that_are_cancelled(count: int) -> None:
    for _ in range(count // 2):
        unstarted = asyncio.create_task(asyncio.sleep(1000))
        unstarted.cancel()
        sleeping = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        sleeping.cancel("enough")
        await asyncio.wait([unstarted, sleeping])


async def timeouts(count: int) -> None:
    for _ in range(count // 2):
        async with asyncio.timeout(1000):
            await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(1000)


async def futures(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count // 2):
        future = loop.create_future()
        future.add_done_callback(_ignore)
        loop.call_soon(future.set_result, 1)
        await future
        broken = loop.create_future()
        broken.set_exception(ValueError("of the test"))
        with contextlib.suppress(ValueError):
            await broken


async def exceptions_in_callbacks(count: int) -> None:
    loop = asyncio.get_running_loop()
    told = 0

    def tell(_: object, context: dict[str, Any]) -> None:
        nonlocal told
        told += 1
        assert isinstance(context["exception"], ZeroDivisionError)

    loop.set_exception_handler(tell)
    for _ in range(count // 2):
        loop.call_soon(divmod, 1, 0)
        loop.call_later(0, lambda: 1 / 0)
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert told == count // 2 * 2, told


async def calls_from_other_threads(count: int) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    left = count

    def arrive(_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    def post() -> None:
        for number in range(count // 4):
            loop.call_soon_threadsafe(arrive, [number])

    left = count // 4 * 4
    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    await done.wait()
    for thread in threads:
        thread.join()


async def coroutines_from_other_threads(count: int) -> None:
    loop = asyncio.get_running_loop()

    async def work() -> int:
        await asyncio.sleep(0)
        return 1

    def ask() -> None:
        for _ in range(count // 20):
            asked = [asyncio.run_coroutine_threadsafe(work(), loop) for _ in range(20)]
            assert sum(future.result(30) for future in asked) == 20

    await asyncio.to_thread(ask)
    await loop.shutdown_default_executor()


async def executor_jobs(count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count // 20):
        await asyncio.gather(*(loop.run_in_executor(None, divmod, 7, 2) for _ in range(10)))
        await asyncio.gather(*(asyncio.to_thread(divmod, 7, 0) for _ in range(10)), return_exceptions=True)
    await loop.shutdown_default_executor()


async def asynchronous_generators(count: int) -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)

    for _ in range(count // 2):
        async for _number in numbers():
            pass
        async for _number in numbers():
            break


async def queues_and_locks(count: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    lock = asyncio.Lock()

    async def produce() -> None:
        for number in range(count):
            await queue.put(number)

    producer = asyncio.create_task(produce())
    for _ in range(count):
        async with lock:
            await queue.get()
    await producer


def loops(count: int) -> None:
    """Each is run and closed with a timer that is still to come."""
    for _ in range(count):
        loop = hoop.new_event_loop()
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.call_later(1000, loop.stop)
        loop.close()


def runs(count: int) -> None:
    for _ in range(count):
        hoop.run(asyncio.sleep(0))


def runs_that_an_exception_ends(count: int) -> None:
    def leave() -> None:
        raise SystemExit(3)

    loop = hoop.new_event_loop()
    for _ in range(count):
        loop.call_soon(leave)
        loop.call_soon(_ignore, [])
        with contextlib.suppress(SystemExit):
            loop.run_forever()
    loop.close()


# Each with the part of the full count that it does.
BODIES: list[tuple[Body, float]] = [
    (call_soon, 1),
    (callbacks_that_are_dropped_with_the_loop, 1),
    (timers, 1),
    (handles_in_cycles, 1),
    (tasks, 1),
    (tasks_of_a_factory, 1),
    (tasks_that_are_cancelled, 1),
    (timeouts, 1),
    (futures, 1),
    (exceptions_in_callbacks, 1),
    (calls_from_other_threads, 1),
    (coroutines_from_other_threads, 1),
    (executor_jobs, 1),
    (asynchronous_generators, 1),
    (queues_and_locks, 1),
    (loops, 0.1),
    (runs, 0.1),
    (runs_that_an_exception_ends, 1),
]
