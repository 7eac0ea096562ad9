# SPDX-License-Identifier: MIT
"""What went wrong where nobody called: the exception handler of the loop."""

import traceback
from collections.abc import Callable
from typing import Any

from .base import LoopPart
from .log import logger

ExceptionHandler = Callable[[Any, dict[str, Any]], object]


def _told(key: str, value: Any) -> str:
    """A line, or a stack, for one entry of a context."""
    titles = {
        "source_traceback": "Object created at (most recent call last):",
        "handle_traceback": "Handle created at (most recent call last):",
    }
    if key in titles:
        return f"{key}: {titles[key]}\n{''.join(traceback.format_list(value)).rstrip()}"
    return f"{key}: {value!r}"


class ExceptionHandling(LoopPart):
    _exception_handler: ExceptionHandler | None = None

    def get_exception_handler(self) -> ExceptionHandler | None:
        """The handler that was set, None for the default one."""
        return self._exception_handler

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """handler(loop, context) is told of problems from now on; None: default_exception_handler."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Logs a problem, as the logger "asyncio"."""
        message = context.get("message") or "Unhandled exception in event loop"
        exception = context.get("exception")
        trace = getattr(self._current_handle, "_source_traceback", None)
        if trace and "source_traceback" not in context:
            context["handle_traceback"] = trace
        lines = [message]
        lines += [_told(key, context[key]) for key in sorted(context) if key not in ("message", "exception")]
        logger().error("\n".join(lines), exc_info=exception or False)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hands a problem to the handler; see asyncio's documentation for what context may hold."""
        handler = self._exception_handler
        try:
            if handler is None:
                self.default_exception_handler(context)
            else:
                self._call_handler(handler, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if handler is None:
                logger().error("Exception in default exception handler", exc_info=True)
            else:
                self._report_broken_handler(error, context)

    def _call_handler(self, handler: ExceptionHandler, context: dict[str, Any]) -> None:
        """In the context variables of what went wrong, if that is known."""
        owner: Any = context.get("task") or context.get("future") or context.get("handle")
        variables = owner.get_context() if hasattr(owner, "get_context") else None
        if variables is not None and hasattr(variables, "run"):
            variables.run(handler, self, context)
        else:
            handler(self, context)

    def _report_broken_handler(self, error: BaseException, context: dict[str, Any]) -> None:
        try:
            message = "Unhandled error in exception handler"
            self.default_exception_handler({"message": message, "exception": error, "context": context})
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            text = "Exception in default exception handler while handling an unexpected error in custom exception handler"
            logger().error(text, exc_info=True)
