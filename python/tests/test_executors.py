# SPDX-License-Identifier: MIT
"""run_in_executor and the default executor."""

import asyncio
import concurrent.futures
import threading

import hoop
import pytest


def test_a_function_runs_in_another_thread_and_its_result_comes_back() -> None:
    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, divmod, 7, 2) == (3, 1)
        return threading.get_ident(), await loop.run_in_executor(None, threading.get_ident)

    here, there = hoop.run(main())
    assert here != there


def test_an_exception_comes_back() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.get_running_loop().run_in_executor(None, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)

    hoop.run(main())


def test_the_default_executor_can_be_chosen_and_is_shut_down() -> None:
    executor = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="chosen")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(executor)
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("chosen")
        with pytest.raises(TypeError, match="executor must be ThreadPoolExecutor instance"):
            loop.set_default_executor(5)

    hoop.run(main())
    with pytest.raises(RuntimeError):
        executor.submit(print)


def test_after_the_shutdown_nothing_is_taken(loop: hoop.Loop) -> None:
    loop.run_until_complete(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
        loop.run_in_executor(None, print)


def test_a_shutdown_that_takes_too_long_goes_on_with_a_warning(loop: hoop.Loop) -> None:
    release = threading.Event()

    async def main() -> None:
        blocked = loop.run_in_executor(None, release.wait, 10)
        with pytest.warns(RuntimeWarning, match="did not finishing joining its threads within 0.01 seconds"):
            await loop.shutdown_default_executor(0.01)
        release.set()
        assert await blocked

    loop.run_until_complete(main())


def test_debug_mode_refuses_coroutines(loop: hoop.Loop) -> None:
    async def coroutine() -> None: ...

    loop.set_debug(True)
    with pytest.raises(TypeError, match=r"coroutines cannot be used with run_in_executor\(\)"):
        loop.run_in_executor(None, coroutine)
    with pytest.raises(TypeError, match="a callable object was expected"):
        loop.run_in_executor(None, 5)  # type: ignore[arg-type]
