# SPDX-License-Identifier: MIT
"""Tasks and futures."""

import asyncio

from timing import Row, timed

STEPS = 300_000
STEPPING_TASKS = 100
CREATED = 150_000
CHILDREN = 1000
ALL_CHILDREN = 200_000
FULFILLED = 150_000
STROKES = 300_000


async def nothing() -> None:
    pass


async def step(rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


async def measure_step_1() -> float:
    return await timed(step, STEPS)


async def measure_step_100() -> float:
    async def work(rounds: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(STEPPING_TASKS):
                group.create_task(step(rounds // STEPPING_TASKS))

    return await timed(work, STEPS)


async def measure_create_task() -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.create_task(nothing())

    return await timed(work, CREATED)


async def measure_gather() -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds // CHILDREN):
            await asyncio.gather(*[nothing() for _ in range(CHILDREN)])

    return await timed(work, ALL_CHILDREN)


async def measure_task_group() -> float:
    async def work(rounds: int) -> None:
        for _ in range(rounds // CHILDREN):
            async with asyncio.TaskGroup() as group:
                for _ in range(CHILDREN):
                    group.create_task(nothing())

    return await timed(work, ALL_CHILDREN)


async def measure_future() -> float:
    loop = asyncio.get_running_loop()

    async def work(rounds: int) -> None:
        for _ in range(rounds):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

    return await timed(work, FULFILLED)


async def measure_ping_pong() -> float:
    loop = asyncio.get_running_loop()

    async def play(ball: list[asyncio.Future[None]], me: int, strokes: int) -> None:
        for _ in range(strokes):
            await ball[me]
            ball[me] = loop.create_future()
            ball[1 - me].set_result(None)

    async def work(rounds: int) -> None:
        ball: list[asyncio.Future[None]] = [loop.create_future(), loop.create_future()]
        async with asyncio.TaskGroup() as group:
            group.create_task(play(ball, 0, rounds // 2))
            group.create_task(play(ball, 1, rounds // 2))
            ball[0].set_result(None)

    return await timed(work, STROKES)


ROWS = (
    Row("step_1", "ns", measure_step_1),
    Row("step_100", "ns", measure_step_100),
    Row("create_task", "ns", measure_create_task),
    Row("gather", "ns", measure_gather),
    Row("task_group", "ns", measure_task_group),
    Row("future", "ns", measure_future),
    Row("ping_pong", "ns", measure_ping_pong),
)
