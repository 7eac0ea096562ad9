# SPDX-License-Identifier: MIT
"""The rows of the network: a program serves on one processor, and the load generator keeps another one busy with it.

The contract of a program: `serve KIND ADDRESS ...` prints "ready" when it listens, and serves until it is killed. The
load generator (load/main.c) prints one JSON line, with the server's processor time an operation and the operations a
second.
"""

import json
import os
import selectors
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers import Command, Failed
from rows import Row

READY_SECONDS = 10
LOAD_SECONDS = 60  # the load generator's answer must come until then, whatever it was asked for


def _free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def _last_lines(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that its own key has signed, and the key."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Failed("openssl could not make a certificate") from None
    return certificate, key


@dataclass
class Network:
    load: Path  # the load generator
    folder: Path  # for the certificate
    is_quick: bool = False

    def __post_init__(self):
        processors = sorted(os.sched_getaffinity(0))
        self.server_processor, self.load_processor = processors[0], processors[-1]

    def run(self, program: Command, row: Row) -> tuple[float, float]:
        """The row's figure, and the operations a second."""
        with tempfile.TemporaryDirectory(prefix="hoop-bench-") as folder:
            address = str(Path(folder) / "socket") if row.load.transport == "unix" else _free_port()
            words = ["serve", row.load.serve, address]
            if row.load.transport == "tls":
                words += map(str, make_certificate(self.folder))
            with self._server(program, words, row) as pid:
                return self._measure(row, f"{row.load.transport}:{address}", pid)

    @contextmanager
    def _server(self, program: Command, words: Sequence[str], row: Row) -> Iterator[int]:
        """Runs the server, for as long as it takes to measure it."""
        with tempfile.TemporaryFile("w+") as errors:
            try:
                server = subprocess.Popen(
                    ["taskset", "-c", str(self.server_processor), *program, *words],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            except OSError as error:
                raise Failed(f"{row.name}: {error.strerror}") from None
            try:
                self._wait_until_ready(server, row)
                yield server.pid
            except Failed as failed:
                errors.seek(0)
                raise Failed(f"{failed}; the server: {_last_lines(errors.read()) or 'nothing to say'}") from None
            finally:
                server.kill()
                server.wait()
                server.stdout.close()

    @staticmethod
    def _wait_until_ready(server: subprocess.Popen, row: Row) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(server.stdout, selectors.EVENT_READ)
            if not selector.select(READY_SECONDS) or server.stdout.readline() != b"ready\n":
                raise Failed(f"{row.name}: the server is not ready")

    def _measure(self, row: Row, address: str, pid: int) -> tuple[float, float]:
        options = [*row.load.options, f"cpu={self.load_processor}"]
        if self.is_quick:
            options += ["warm=0.2", "seconds=0.5"]
        try:
            done = subprocess.run(
                [self.load, row.load.mode, address, str(pid), *options],
                capture_output=True,
                text=True,
                timeout=LOAD_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{row.name}: no figure in {LOAD_SECONDS} s") from None
        if done.returncode != 0:
            raise Failed(f"{row.name}: the load ended with {done.returncode}: {_last_lines(done.stderr)}")
        answer = json.loads(done.stdout)
        if answer["lost"] * 100 > answer["rate"]:
            raise Failed(f"{row.name}: {answer['lost']} datagrams were lost, {answer['rate']:.0f} a second were not")
        return answer["value"], answer["rate"]
