# SPDX-License-Identifier: MIT
"""The child watcher that a program has set with asyncio.set_child_watcher, which Python has until 3.13.

It is asked, as by asyncio's own loop: one that reaps every child of the process, as FastChildWatcher does, leaves nobody
else a status to see.
"""

import asyncio
from typing import Any

# They see the end of a child without touching any other, just as hoop does on its own.
_HARMLESS = {
    getattr(asyncio, name) for name in ("ThreadedChildWatcher", "PidfdChildWatcher") if hasattr(asyncio, name)
}


def find_watcher() -> Any:
    """The watcher to tell of a new child, or None."""
    if not _HARMLESS:
        return None
    # Not get_child_watcher(), which warns, and makes one where there is none.
    watcher = getattr(asyncio.get_event_loop_policy(), "_watcher", None)
    return None if type(watcher) in _HARMLESS else watcher


def check_active(watcher: Any) -> None:
    """Before a process is made whose end nobody would see."""
    if not watcher.is_active():
        raise RuntimeError("asyncio.get_child_watcher() is not activated, subprocess support is not installed.")
