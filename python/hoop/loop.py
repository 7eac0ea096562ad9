# SPDX-License-Identifier: MIT
"""The loop that programs get: the extension's, and what is done once a run or once a connection, in Python."""

from .exceptions import ExceptionHandling
from .executors import Executors
from .runs import Runs
from .sendfile import SendingFiles
from .signals import Signals
from .sockets import SocketOperations
from .tasks import Tasks


class Loop(
    Executors,
    Signals,
    Runs,
    SendingFiles,
    SocketOperations,
    Tasks,
    ExceptionHandling,
):
    """An event loop for asyncio."""
