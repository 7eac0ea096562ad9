# SPDX-License-Identifier: MIT
"""Running: hoop.run, run_until_complete, run_forever, stop, close, asynchronous generators."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator

import hoop
import pytest


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


def test_run_returns_the_result_and_leaves_no_loop() -> None:
    assert hoop.run(answer()) == 42
    assert asyncio._get_running_loop() is None


def test_run_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        hoop.run(fail())


def test_the_running_loop_is_the_one_that_runs() -> None:
    async def main() -> object:
        loop = asyncio.get_running_loop()
        assert loop.is_running() and isinstance(loop, asyncio.AbstractEventLoop)
        return loop

    loop = hoop.run(main())
    assert isinstance(loop, hoop.Loop) and loop.is_closed()


def test_a_task_that_ends_the_program_ends_the_run_with_it() -> None:
    async def leave() -> None:
        sys.exit(3)

    with pytest.raises(SystemExit) as caught:
        hoop.run(leave())
    assert caught.value.code == 3


def test_a_loop_cannot_run_twice_nor_in_another_one(loop: hoop.Loop) -> None:
    other = hoop.new_event_loop()
    errors: list[str] = []

    def run_again() -> None:
        for which in (loop, other):
            with pytest.raises(RuntimeError) as caught:
                which.run_forever()
            errors.append(str(caught.value))
        loop.stop()

    loop.call_soon(run_again)
    loop.run_forever()
    other.close()
    assert errors == ["This event loop is already running", "Cannot run the event loop while another loop is running"]


def test_stop_before_the_run_lets_one_iteration_through(loop: hoop.Loop) -> None:
    ran: list[int] = []
    loop.call_soon(ran.append, 1)
    loop.call_soon(lambda: loop.call_soon(ran.append, 2))
    loop.stop()
    loop.run_forever()
    assert ran == [1]


def test_a_run_that_is_stopped_before_its_future_is_done_says_so(loop: hoop.Loop) -> None:
    task = loop.create_task(asyncio.sleep(100))
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_close_drops_what_is_scheduled_and_can_be_repeated(loop: hoop.Loop) -> None:
    loop.call_soon(pytest.fail)
    loop.call_later(0, pytest.fail)
    loop.close()
    loop.close()
    assert loop.is_closed() and "closed=True" in repr(loop)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_forever()


def test_a_running_loop_cannot_be_closed(loop: hoop.Loop) -> None:
    def close() -> None:
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()
        loop.stop()

    loop.call_soon(close)
    loop.run_forever()


def test_a_loop_runs_again_after_a_run(loop: hoop.Loop) -> None:
    for _ in range(3):
        assert loop.run_until_complete(answer()) == 42


def test_an_abandoned_generator_is_closed_by_its_loop() -> None:
    closed: list[int] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def main() -> None:
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.01)
        assert closed == [1]
        kept.append(numbers())
        await kept[0].__anext__()

    kept: list[AsyncIterator[int]] = []
    hoop.run(main())
    assert closed == [1, 1]  # the second by shutdown_asyncgens


def test_debug_mode_tells_of_slow_callbacks(loop: hoop.Loop, caplog: pytest.LogCaptureFixture) -> None:
    import time

    async def dawdle() -> None:
        time.sleep(0.02)

    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    loop.run_until_complete(dawdle())
    assert any("Executing <Task" in message and "took 0.02" in message for message in caplog.messages)


def test_debug_mode_tells_where_a_forgotten_coroutine_was_made(loop: hoop.Loop) -> None:
    async def forget() -> None:
        answer()  # type: ignore[unused-coroutine]

    loop.set_debug(True)
    with pytest.warns(RuntimeWarning, match="Coroutine created at"):
        loop.run_until_complete(forget())
    assert sys.get_coroutine_origin_tracking_depth() == 0
