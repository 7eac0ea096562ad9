# SPDX-License-Identifier: MIT
"""A datagram endpoint's protocol that notes what it is told, and how it is opened and closed."""

import asyncio
from collections.abc import Callable
from typing import Any

import hoop

LOCAL = ("127.0.0.1", 0)


class Endpoint(asyncio.DatagramProtocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.events: list[str] = []
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.events.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))
        self.changed.set()

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self.changed.set()

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")
        self.lost.set_result(exc)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)


async def open_endpoint(**keywords: Any) -> tuple[Any, Endpoint]:
    return await asyncio.get_running_loop().create_datagram_endpoint(Endpoint, **keywords)


async def close(*endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        endpoint.transport.close()
        await endpoint.lost


def running(main: Callable[[hoop.Loop], Any]) -> Any:
    async def with_loop() -> Any:
        loop: Any = asyncio.get_running_loop()
        return await asyncio.wait_for(main(loop), 20)

    return hoop.run(with_loop())
