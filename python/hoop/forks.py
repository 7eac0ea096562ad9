# SPDX-License-Identifier: MIT
"""os.fork() in a process that has loops: their copies in the child let go of what they share with the parent's.

As with asyncio no loop runs in the child, and a new one can be made and run there. Whatever becomes of a copy (it
goes on when the callback that forked returns, it is closed, the interpreter ends), the parent's loop is not disturbed.
"""

import os
import weakref

from . import _core
from .base import LoopPart

_loops: "weakref.WeakSet[Forks]" = weakref.WeakSet()


class Forks(LoopPart):
    def __init__(self) -> None:
        super().__init__()
        _loops.add(self)


os.register_at_fork(
    before=_core._before_fork,
    after_in_parent=_core._after_fork,
    after_in_child=lambda: _core._after_fork_in_child(list(_loops)),
)
