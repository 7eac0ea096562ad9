# SPDX-License-Identifier: MIT
"""Two connected sockets that do not block, and a run with its loop, for tests of sockets."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import hoop
import pytest

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


def running(main: Callable[[hoop.Loop], Any]) -> Any:
    """Runs main(loop), a coroutine function."""

    async def with_loop() -> Any:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, hoop.Loop)
        return await asyncio.wait_for(main(loop), 10)

    return hoop.run(with_loop())
