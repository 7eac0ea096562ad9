# SPDX-License-Identifier: MIT
"""The Python side of coroutines in C (hoop/python.h): the future that stands for one."""

import asyncio
from typing import Any

from . import _core


class CoroutineFuture(asyncio.Future[Any]):
    """The result of a coroutine of libhoop.

    To cancel it asks the coroutine to end, as with a task: it is cancelled once the coroutine has ended so, and not
    cancelled if the coroutine returned something all the same.
    """

    _spawned: _core.Spawned | None = None
    _message: Any = None

    def cancel(self, msg: Any = None) -> bool:
        if self.done() or self._spawned is None:
            return False
        self._message = msg
        return self._spawned.cancel()

    def _end(self) -> None:
        """The coroutine was cancelled."""
        super().cancel(self._message)


def new_future(loop: asyncio.AbstractEventLoop, spawned: _core.Spawned) -> CoroutineFuture:
    future = CoroutineFuture(loop=loop)
    future._spawned = spawned
    return future


def settle(future: CoroutineFuture, value: Any, exception: BaseException | None) -> None:
    """The coroutine has ended."""
    future._spawned = None
    if future.done():
        return
    if isinstance(exception, asyncio.CancelledError):
        future._end()
    elif exception is not None:
        future.set_exception(exception)
    else:
        future.set_result(value)
