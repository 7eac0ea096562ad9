# SPDX-License-Identifier: MIT
"""What the tests of servers serve with and ask with."""

import asyncio
from typing import Any

from protocols import Recorder


class Service:
    """A factory that keeps the protocols it made."""

    def __init__(self) -> None:
        self.protocols: list[Recorder] = []

    def __call__(self) -> Recorder:
        self.protocols.append(Recorder())
        return self.protocols[-1]

    async def connected(self, count: int) -> None:
        while [protocol.events for protocol in self.protocols] != [["made"]] * count:
            await asyncio.sleep(0.001)


async def ask(address: Any, question: bytes = b"hello") -> bytes:
    """What a server says until it hangs up; it is told the end of the question."""
    reader, writer = await asyncio.open_connection(*address[:2])
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
