# SPDX-License-Identifier: MIT
"""What the loop says of callbacks: their representation, complaints about them, checks in debug mode.

The extension calls these functions where speed does not matter. The words are asyncio's, as programs and people look
for them.
"""

import asyncio
import functools
import inspect
import sys
from asyncio import events, format_helpers
from typing import Any

from .log import logger

# What call_soon_threadsafe's handles are instances of: from Python 3.14 on, a class of their own.
THREAD_SAFE_HANDLE: Any = getattr(events, "_ThreadSafeHandle", asyncio.Handle)


def source_traceback() -> Any:
    """Where the program is, for debug mode: as many frames as asyncio keeps, the innermost last."""
    return format_helpers.extract_stack(sys._getframe(1))


def refuse_coroutine(callback: Any, method: str) -> None:
    """Coroutines, and functions that make them, are not called but awaited."""
    if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
        raise TypeError(f"coroutines cannot be used with {method}()")


def check_callback(callback: Any, method: str) -> None:
    """Refuses what call_soon and its like cannot call."""
    refuse_coroutine(callback, method)
    if not callable(callback):
        raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")


def callback_with_source(callback: Any) -> str:
    """A callback's name, and where its code begins; not its arguments, which may be secret."""
    source, calls = callback, "()"
    while isinstance(callback, functools.partial):
        callback, calls = callback.func, calls + "()"
        source = callback
    name = getattr(callback, "__qualname__", None) or getattr(callback, "__name__", None) or repr(callback)
    function = inspect.unwrap(source)
    if inspect.ismethod(function):
        function = function.__func__
    code = getattr(function, "__code__", None)
    return f"{name}{calls} at {code.co_filename}:{code.co_firstlineno}" if code else f"{name}{calls}"


def handle(handle: Any) -> str:
    """repr(handle)"""
    words = [handle.__class__.__name__]
    if handle._cancelled:
        words.append("cancelled")
    if hasattr(handle, "when"):
        words.append(f"when={handle.when()}")
    if handle._callback is not None:
        words.append(callback_with_source(handle._callback))
    if handle._source_traceback:
        frame = handle._source_traceback[-1]
        words.append(f"created at {frame.filename}:{frame.lineno}")
    return f"<{' '.join(words)}>"


def report_handle(loop: asyncio.AbstractEventLoop, handle: Any, exception: BaseException) -> None:
    """A callback raised EXCEPTION."""
    callback = handle if handle._callback is None else callback_with_source(handle._callback)
    context = {"message": f"Exception in callback {callback}", "exception": exception, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def report_slow(owner: Any, seconds: float) -> None:
    """OWNER, a handle or a transport, kept the loop for SECONDS."""
    task = getattr(getattr(owner, "_callback", None), "__self__", None)
    what = task if isinstance(task, asyncio.Task) else owner
    logger().warning("Executing %r took %.3f seconds", what, seconds)


def report_core(
    loop: asyncio.AbstractEventLoop, message: str, task: str | None, code: str | None, details: str | None
) -> None:
    """libhoop reports MESSAGE, about a task of C code with that name if there is one."""
    context = {"message": f"libhoop: {message}"}
    for key, value in (("coroutine", task), ("error", code), ("details", details)):
        if value is not None:
            context[key] = value
    loop.call_exception_handler(context)
