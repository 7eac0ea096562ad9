#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the example of a server in callbacks against clients that are written here. Prints TAP.

    tests/examples/protocol_echo.py PROGRAM

MESON_EXE_WRAPPER says what runs a program: an emulator, Valgrind.
"""

import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tap import Tap  # noqa: E402

WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
HOST = "127.0.0.1"
PATIENCE = 30


def connect(port: int) -> socket.socket:
    client = socket.create_connection((HOST, port))
    client.settimeout(PATIENCE)
    return client


def exchange(port: int, data: bytes) -> bytes:
    """Says DATA, and hears as much."""
    with connect(port) as client:
        speaker = threading.Thread(target=client.sendall, args=(data,))
        speaker.start()
        heard = b""
        while len(heard) < len(data) and (more := client.recv(65536)):
            heard += more
        speaker.join()
        return heard


def reset_in_the_middle(port: int) -> None:
    client = connect(port)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sendall(bytes(100000))
    client.close()


def main() -> None:
    tap = Tap()
    server = subprocess.Popen([*WRAPPER, sys.argv[1], HOST, "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    said = server.stdout.readline()
    tap.test("it says where it listens", said.startswith(f"listening on {HOST}:"), said)
    port = int(said.rpartition(":")[2])
    much = os.urandom(8 << 20)
    for data in (b"x", b"hello\n" * 1000, much):
        tap.test(f"{len(data)} bytes come back", exchange(port, data) == data)
    reset_in_the_middle(port)
    tap.test("a client's reset harms nobody else", exchange(port, b"still there") == b"still there")
    with connect(port) as client:
        client.sendall(b"one")
        tap.test("a client that stays is served", client.recv(3) == b"one")
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=PATIENCE)
        tap.test("Ctrl-C ends it, and closes the connection", client.recv(1) == b"")
    tap.test("and it says so", (server.returncode, rest) == (0, "the end\n"), f"{server.returncode} {rest}")
    tap.done()


if __name__ == "__main__":
    main()
