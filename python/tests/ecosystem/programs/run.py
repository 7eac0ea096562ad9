# SPDX-License-Identifier: MIT
"""Runs a server program as a process, on a listening socket that it inherits: there is no port to guess and no start to
wait for, as who connects early waits in the socket's queue."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from loops import LoopKind

PROGRAMS = Path(__file__).parent


class Program:
    def __init__(self, loop: LoopKind) -> None:
        self.loop = loop
        self.output = tempfile.TemporaryFile("w+")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str | Path, scheme: str = "http") -> str:
        """Starts COMMAND, in which {fd} stands for the socket's descriptor; the URL that it serves."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.process = subprocess.Popen(
                [str(word).format(fd=listener.fileno()) for word in command],
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers can be ended with it
                env={**os.environ, "PYTHONPATH": str(PROGRAMS), "ECOSYSTEM_LOOP": self.loop.factory},
            )
            return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

    def send_signal(self, number: signal.Signals, process: int | None = None) -> None:
        """Sends a signal to the program, or to a process of its."""
        assert self.process is not None
        os.kill(process or self.process.pid, number)

    async def stop(self, number: signal.Signals) -> str:
        """Sends the signal, and waits for the end in good order; the output."""
        assert self.process is not None
        self.send_signal(number)
        status = await asyncio.to_thread(self.process.wait, 30)
        assert status in (0, -number), self.read_output()
        return self.read_output()

    def read_output(self) -> str:
        self.output.seek(0)
        return self.output.read()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):  # the usual case: nobody is left
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            print(self.read_output())  # pytest shows it beside a failure
        self.output.close()
