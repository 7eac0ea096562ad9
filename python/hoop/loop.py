# SPDX-License-Identifier: MIT
"""The loop that programs get: the extension's, and what is done once a run or once a connection, in Python."""

from .exceptions import ExceptionHandling
from .executors import Executors
from .runs import Runs
from .signals import Signals
from .tasks import Tasks


class Loop(Executors, Signals, Runs, Tasks, ExceptionHandling):
from .sendfile import SendingFiles
from .sockets import SocketOperations
from .tasks import Tasks


class Loop(Executors, Runs, SendingFiles, SocketOperations, Tasks, ExceptionHandling):
    """An event loop for asyncio."""
