# SPDX-License-Identifier: MIT
"""The loops that each test here runs on: asyncio's own, which shows that the test itself is right, and hoop."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import hoop

T = TypeVar("T")

# What asyncio says in debug mode, and only then, of a client that does not trust the server's certificate.
REFUSED_BY_THE_CLIENT = "Error on transport creation for incoming connection"


def running_loop() -> str:
    """The package that the running loop is from: "asyncio" or "hoop"."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@dataclass(frozen=True)
class LoopKind:
    name: str
    new_event_loop: Callable[[], asyncio.AbstractEventLoop]
    python: tuple[str, ...]  # the command that runs an unmodified program on this loop

    @property
    def factory(self) -> str:
        """new_event_loop as frameworks want it named on their command lines."""
        return f"{self.name}:new_event_loop"

    def run(self, program: Coroutine[Any, Any, T]) -> T:
        """Runs PROGRAM; what it leaves to the loop's exception handler is a failure, too."""
        unhandled: list[dict[str, Any]] = []

        def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if not (loop.get_debug() and context["message"] == REFUSED_BY_THE_CLIENT):
                unhandled.append(context)

        async def checked() -> T:
            asyncio.get_running_loop().set_exception_handler(note)
            assert running_loop() == self.name
            async with asyncio.timeout(100):
                return await program

        with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
            result = runner.run(checked())
        assert not unhandled, unhandled
        return result


LOOPS = [
    LoopKind("asyncio", asyncio.new_event_loop, (sys.executable,)),
    LoopKind("hoop", hoop.new_event_loop, (sys.executable, "-m", "hoop")),
]
