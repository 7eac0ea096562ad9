# SPDX-License-Identifier: MIT
"""What blocks runs in an executor's threads; asyncio's own thread pool is the default one."""

import asyncio
import concurrent.futures
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from . import describe
from .base import LoopPart

T = TypeVar("T")


def _finish(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


class Executors(LoopPart):
    _default_executor: concurrent.futures.ThreadPoolExecutor | None = None
    _executor_is_shut_down = False

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Calls func(*args) in a thread of executor, None for the default one; returns a future of its result."""
        self._check_closed()
        if self.get_debug():
            describe.check_callback(func, "run_in_executor")
        if executor is None:
            executor = self._executor()
        return asyncio.wrap_future(executor.submit(func, *args), loop=self)

    def _executor(self) -> concurrent.futures.ThreadPoolExecutor:
        if self._executor_is_shut_down:
            raise RuntimeError("Executor shutdown has been called")
        if self._default_executor is None:
            self._default_executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
        return self._default_executor

    def set_default_executor(self, executor: concurrent.futures.ThreadPoolExecutor) -> None:  # type: ignore[override]
        """What run_in_executor(None, ...) uses from now on."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Waits until all threads of the default executor have ended, timeout seconds at most."""
        self._executor_is_shut_down = True
        executor = self._default_executor
        if executor is None:
            return
        ended = self.create_future()
        thread = threading.Thread(target=self._end_executor, args=(executor, ended))
        thread.start()
        try:
            async with asyncio.timeout(timeout):
                await ended
        except TimeoutError:
            message = f"The executor did not finishing joining its threads within {timeout} seconds."
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            executor.shutdown(wait=False)
        else:
            thread.join()

    def _end_executor(self, executor: concurrent.futures.Executor, ended: asyncio.Future[None]) -> None:
        error = None
        try:
            executor.shutdown(wait=True)
        except Exception as raised:
            error = raised
        if not self.is_closed():
            self.call_soon_threadsafe(_finish, ended, error)

    def close(self) -> None:
        super().close()
        self._executor_is_shut_down = True
        executor, self._default_executor = self._default_executor, None
        if executor is not None:
            executor.shutdown(wait=False)
