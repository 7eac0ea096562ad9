# SPDX-License-Identifier: MIT
"""hoop: an event loop for asyncio, written in C.

    hoop.run(main())                                              # instead of asyncio.run(main())
    asyncio.run(main(), loop_factory=hoop.new_event_loop)         # Python 3.12 and newer
    python -m hoop app.py                                         # an unmodified program
"""

from .extensions import get_include, get_library
from .loop import Loop
from .policy import EventLoopPolicy, install, uninstall
from .running import new_event_loop, run

__all__ = [
    "EventLoopPolicy",
    "Loop",
    "get_include",
    "get_library",
    "install",
    "new_event_loop",
    "run",
    "uninstall",
]
__version__ = "0.1.0"
