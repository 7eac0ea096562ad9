# SPDX-License-Identifier: MIT
"""Making a loop, and running a program on one."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from .loop import Loop

T = TypeVar("T")


def new_event_loop() -> Loop:
    """A new loop: what asyncio.Runner and asyncio.run take as their loop_factory."""
    return Loop()


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None, context: Context | None = None) -> T:
    """Runs a coroutine on a new loop to its end, as asyncio.run does, and returns its result."""
    with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
        return runner.run(main, context=context)
