# SPDX-License-Identifier: MIT
"""What the parts of the loop that are written in Python know of the whole."""

import asyncio

from . import _core


class LoopPart(_core.Loop, asyncio.AbstractEventLoop):
    """A part of hoop.Loop, one concept each: methods that use the loop's other ones."""

    def _check_closed(self) -> None:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
