# SPDX-License-Identifier: MIT
"""Tasks and futures of the loop: create_task's keywords, task factories, create_future."""

import asyncio
import contextvars
import sys
from collections.abc import Coroutine
from typing import Any

import hoop
import pytest


async def answer() -> int:
    return 42


def test_tasks_are_asyncios_and_take_its_keywords(loop: hoop.Loop) -> None:
    context = contextvars.copy_context()
    task = loop.create_task(answer(), name="name", context=context)
    assert isinstance(task, asyncio.Task) and task.get_name() == "name" and task.get_loop() is loop
    assert loop.run_until_complete(task) == 42
    assert loop.run_until_complete(loop.create_task(coro=answer())) == 42


def test_futures_belong_to_the_loop(loop: hoop.Loop) -> None:
    future = loop.create_future()
    assert isinstance(future, asyncio.Future) and future.get_loop() is loop


def test_wrong_arguments_are_refused(loop: hoop.Loop) -> None:
    with pytest.raises(TypeError):
        loop.create_task()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="coroutine was expected"):
        loop.create_task(5)  # type: ignore[arg-type]
    made = answer()
    with pytest.raises(TypeError):
        loop.create_task(made, nme="x")  # type: ignore[call-arg]
    made.close()


def test_a_closed_loop_makes_no_tasks(loop: hoop.Loop) -> None:
    loop.close()
    made = answer()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.create_task(made)
    made.close()


def test_a_task_factory_makes_the_tasks(loop: hoop.Loop) -> None:
    made: list[dict[str, Any]] = []

    def factory(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **keywords: Any) -> asyncio.Task[Any]:
        made.append(keywords)
        return asyncio.Task(coro, loop=loop, **keywords)

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    context = contextvars.copy_context()
    task = loop.create_task(answer(), name="name", context=context)
    assert task.get_name() == "name" and made[0]["context"] is context
    assert loop.run_until_complete(task) == 42
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None
    assert loop.run_until_complete(answer()) == 42 and len(made) == 1
    with pytest.raises(TypeError, match="task factory must be a callable or None"):
        loop.set_task_factory(5)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_begin_at_once() -> None:
    async def main() -> None:
        ran: list[int] = []

        async def begin() -> None:
            ran.append(1)
            await asyncio.sleep(0)
            ran.append(2)

        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        task = asyncio.create_task(begin(), name="name")
        assert ran == [1] and task.get_name() == "name"
        await task
        assert ran == [1, 2]

    hoop.run(main())


@pytest.mark.skipif(sys.version_info < (3, 14), reason="the keyword eager_start came with Python 3.14")
def test_eager_start_is_a_keyword() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert loop.create_task(answer(), eager_start=True).done()  # type: ignore[call-arg]
        assert not (later := loop.create_task(answer(), eager_start=False)).done()  # type: ignore[call-arg]
        await later

    hoop.run(main())


def test_asyncio_sees_current_task_and_all_tasks() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None and asyncio.all_tasks() == {task}

    hoop.run(main())


def test_groups_timeouts_queues_and_locks_work() -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        got: list[int] = []
        lock = asyncio.Lock()

        async def consume() -> None:
            while (item := await queue.get()) >= 0:
                async with lock:
                    got.append(item)

        async with asyncio.TaskGroup() as group:
            group.create_task(consume())
            for number in range(10):
                await queue.put(number)
            await queue.put(-1)
        assert got == list(range(10))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(10), 0.01)
        assert await asyncio.gather(*(asyncio.sleep(0.001, number) for number in range(5))) == list(range(5))

    hoop.run(main())


def test_classes_that_a_program_puts_in_place_of_asyncios_are_used(
    loop: hoop.Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Task(asyncio.Task):  # type: ignore[type-arg]
        pass

    class Future(asyncio.Future):  # type: ignore[type-arg]
        pass

    monkeypatch.setattr(asyncio.tasks, "Task", Task)
    monkeypatch.setattr(asyncio.futures, "Future", Future)

    async def main() -> list[type]:
        task = loop.create_task(asyncio.sleep(0))
        await task
        return [type(asyncio.current_task()), type(task), type(loop.create_future())]

    assert loop.run_until_complete(main()) == [Task, Task, Future]
