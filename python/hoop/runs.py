# SPDX-License-Identifier: MIT
"""Running the loop, and what is set up around a run: the running loop, asynchronous generators, origins of coroutines."""

import asyncio
import os
import sys
import warnings
import weakref
from asyncio import base_events, events
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
from typing import Any, TypeVar

from .base import LoopPart
from .log import logger

T = TypeVar("T")
# asyncio.constants.DEBUG_STACK_DEPTH: how many frames of a coroutine's origin are kept in debug mode.
_ORIGIN_DEPTH = 10
# The very function of asyncio: other libraries find the task that a run waits for by it.
_stop_the_run = base_events._run_until_complete_cb  # type: ignore[attr-defined]


def _debug_is_wanted() -> bool:
    """As asyncio decides it: python -X dev, or PYTHONASYNCIODEBUG."""
    if sys.flags.dev_mode:
        return True
    return not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))


class Runs(LoopPart):
    def __init__(self) -> None:
        super().__init__()
        self._asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._asyncgens_are_shut_down = False
        self._origin_depth_before: int | None = None
        super().set_debug(_debug_is_wanted())

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"<{name} running={self.is_running()} closed={self.is_closed()} debug={self.get_debug()}>"

    def __del__(self) -> None:
        if not self.is_closed():
            warnings.warn(f"unclosed event loop {self!r}", ResourceWarning, source=self)
            if not self.is_running():
                self.close()

    # ---- running ----

    def run_forever(self) -> None:
        """Runs until stop() is called."""
        self._check_run()
        hooks = sys.get_asyncgen_hooks()
        self._track_origins(self.get_debug())
        try:
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_begins, finalizer=self._asyncgen_ends)
            events._set_running_loop(self)
            self._run()
        finally:
            events._set_running_loop(None)
            self._track_origins(False)
            sys.set_asyncgen_hooks(*hooks)

    def _check_run(self) -> None:
        self._check_closed()
        if self.is_running():
            raise RuntimeError("This event loop is already running")
        if events._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Runs until a future is done, or a coroutine, as a task; returns its result or raises its exception."""
        self._check_run()
        is_ours = not asyncio.isfuture(future)
        awaited: Any = future
        waited: Any = asyncio.ensure_future(awaited, loop=self)
        if is_ours:
            # If it does not complete, an exception says so.
            waited._log_destroy_pending = False
        waited.add_done_callback(_stop_the_run)
        try:
            self.run_forever()
        except BaseException:
            if is_ours and waited.done() and not waited.cancelled():
                # It raised this very exception; the program cannot ask the task for it.
                waited.exception()
            raise
        finally:
            waited.remove_done_callback(_stop_the_run)
        if not waited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        result: T = waited.result()
        return result

    def close(self) -> None:
        """Drops all that is scheduled, and does not wait for the default executor. The loop must not be running."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if not self.is_closed() and self.get_debug():
            logger().debug("Close %r", self)
        super().close()

    # ---- debug mode ----

    def set_debug(self, enabled: bool) -> None:
        """Switches debug mode on or off, also while the loop runs."""
        super().set_debug(enabled)
        if self.is_running():
            self.call_soon_threadsafe(self._track_origins, enabled)

    def _track_origins(self, enabled: bool) -> None:
        """Where coroutines were made is kept, for the warning that one was never awaited."""
        if enabled == (self._origin_depth_before is not None):
            return
        if enabled:
            self._origin_depth_before = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(_ORIGIN_DEPTH)
        else:
            sys.set_coroutine_origin_tracking_depth(self._origin_depth_before or 0)
            self._origin_depth_before = None

    # ---- asynchronous generators ----

    def _asyncgen_begins(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._asyncgens_are_shut_down:
            message = f"asynchronous generator {generator!r} was scheduled after loop.shutdown_asyncgens() call"
            warnings.warn(message, ResourceWarning, source=self)
        self._asyncgens.add(generator)

    def _asyncgen_ends(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(generator)
        if not self.is_closed():
            closing: Coroutine[Any, Any, None] = generator.aclose()
            self.call_soon_threadsafe(self.create_task, closing)

    async def shutdown_asyncgens(self) -> None:
        """Closes all asynchronous generators that have not been exhausted."""
        self._asyncgens_are_shut_down = True
        generators = list(self._asyncgens)
        self._asyncgens.clear()
        results = await asyncio.gather(*(generator.aclose() for generator in generators), return_exceptions=True)
        for generator, result in zip(generators, results):
            if isinstance(result, Exception):
                message = f"an error occurred during closing of asynchronous generator {generator!r}"
                self.call_exception_handler({"message": message, "exception": result, "asyncgen": generator})
