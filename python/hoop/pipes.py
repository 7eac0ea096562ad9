# SPDX-License-Identifier: MIT
"""Pipes: connect_read_pipe and connect_write_pipe."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from . import _core
from .base import LoopPart
from .log import logger

P = TypeVar("P", bound=asyncio.BaseProtocol)


def warn_of_lost_writes() -> None:
    """The program goes on writing to a pipe that is closed."""
    logger().warning("pipe closed by peer or os.write(pipe, data) raised exception.")


class Pipes(LoopPart):
    async def connect_read_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.ReadTransport, P]:
        """Reads from pipe, a file object (a pipe, a socket or a character device), which becomes non-blocking."""
        return await self._connect_pipe(_core.ReadPipeTransport, protocol_factory, pipe)

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.WriteTransport, P]:
        """Writes to pipe, a file object (a pipe, a socket or a character device), which becomes non-blocking."""
        return await self._connect_pipe(_core.WritePipeTransport, protocol_factory, pipe)

    async def _connect_pipe(self, kind: Any, protocol_factory: Callable[[], P], pipe: Any) -> tuple[Any, P]:
        protocol = protocol_factory()
        waiter = self.create_future()
        transport = kind(self, pipe, protocol, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        if self.get_debug():
            way = "Read" if kind is _core.ReadPipeTransport else "Write"
            logger().debug("%s pipe %r connected: (%r, %r)", way, pipe.fileno(), transport, protocol)
        return transport, protocol
