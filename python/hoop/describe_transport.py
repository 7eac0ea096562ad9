# SPDX-License-Identifier: MIT
"""What transports log: in debug mode what they do, and a complaint about writes that are lost.

The extension calls these functions where speed does not matter. The words are asyncio's.
"""

from typing import Any

from .log import logger


def log(transport: Any, what: str) -> None:
    """The transport "pauses reading", say."""
    logger().debug("%r %s", transport, what)


def log_failure(transport: Any, message: str, exception: BaseException) -> None:
    """A connection ended with an error that is no fault of the program."""
    logger().debug("%r: %s", transport, message, exc_info=exception)


def warn_of_lost_writes() -> None:
    """The program goes on writing to a connection that is lost."""
    logger().warning("socket.send() raised exception.")
