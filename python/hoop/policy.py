# SPDX-License-Identifier: MIT
"""Making hoop the loop of programs that do not choose one: asyncio's event loop policy, as long as Python has policies.

Python 3.14 and 3.15 still use the policy but warn of everything that names it. Nothing else reaches a program that calls
asyncio.run(main()) or asyncio.new_event_loop() without a loop_factory, so hoop uses it quietly.
"""

import asyncio
import warnings
from typing import Any

from .loop import Loop

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _DefaultPolicy: Any = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_DefaultPolicy):  # type: ignore[misc]
    """Python's own policy, but for the loops that it makes.

    asyncio.set_event_loop_policy(hoop.EventLoopPolicy()) is what hoop.install() does.
    """

    replaced: Any = None  # the policy that install() put this one in place of

    def new_event_loop(self) -> Loop:
        """A new hoop.Loop; it is not set as the current one."""
        return Loop()


def install() -> None:
    """Makes hoop the loop of all programs in this process that do not choose one, until uninstall().

    asyncio.run, asyncio.Runner and asyncio.new_event_loop without a loop_factory then make a hoop.Loop. To be called
    before them; loops that exist stay what they are. Calling it again changes nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy = asyncio.get_event_loop_policy()
        if not isinstance(policy, EventLoopPolicy):
            installed = EventLoopPolicy()
            installed.replaced = policy
            asyncio.set_event_loop_policy(installed)


def uninstall() -> None:
    """Undoes install(): the policy that was there before is set again. Without install() nothing happens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        policy = asyncio.get_event_loop_policy()
        if isinstance(policy, EventLoopPolicy) and policy.replaced is not None:
            asyncio.set_event_loop_policy(policy.replaced)
