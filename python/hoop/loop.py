# SPDX-License-Identifier: MIT
"""The loop that programs get: the extension's, and what is done once a run or once a connection, in Python."""

from .connections import Connections
from .datagrams import Datagrams
from .exceptions import ExceptionHandling
from .executors import Executors
from .forks import Forks
from .pipes import Pipes
from .processes import Processes
from .runs import Runs
from .sendfile import SendingFiles
from .signals import Signals
from .sockets import SocketOperations
from .tasks import Tasks
from .tls_upgrade import TlsUpgrade
from .transport_sendfile import TransportSendfile
from .unix_sockets import UnixSockets


class Loop(
    Connections,
    UnixSockets,
    TlsUpgrade,
    TransportSendfile,
    SendingFiles,
    Datagrams,
    SocketOperations,
    Processes,
    Pipes,
    Executors,
    Signals,
    Forks,
    Runs,
    Tasks,
    ExceptionHandling,
):
    """An event loop for asyncio."""
