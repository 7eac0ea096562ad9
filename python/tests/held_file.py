# SPDX-License-Identifier: MIT
"""A file that is slow to read, for tests of what happens meanwhile."""

import asyncio
import io
import threading
from typing import Any


class HeldFile(io.BytesIO):
    """Its reading begins, and goes on when the test says so."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._begun = threading.Event()
        self._let = threading.Event()

    def read(self, *arguments: Any) -> bytes:
        self._wait()
        return super().read(*arguments)

    def readinto(self, buffer: Any) -> int:
        self._wait()
        return super().readinto(buffer)

    def _wait(self) -> None:
        self._begun.set()
        assert self._let.wait(10)

    async def is_read(self) -> None:
        while not self._begun.is_set():
            await asyncio.sleep(0.001)

    def let_read_soon(self) -> None:
        """The thread that reads goes on while this one does something else."""
        threading.Timer(0.02, self._let.set).start()
