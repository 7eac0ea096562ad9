# SPDX-License-Identifier: MIT
"""A run with its loop, for tests of sockets."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import hoop

Pair = tuple[socket.socket, socket.socket]


def running(main: Callable[[hoop.Loop], Any]) -> Any:
    """Runs main(loop), a coroutine function."""

    async def with_loop() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, hoop.Loop)
        return await asyncio.wait_for(main(loop), 10)

    return hoop.run(with_loop())
