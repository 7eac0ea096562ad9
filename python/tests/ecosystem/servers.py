# SPDX-License-Identifier: MIT
"""PostgreSQL and Redis for the tests: each on a free port and a Unix socket, in a temporary folder, as a user without
rights (PostgreSQL refuses root), and gone with the process that started it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

START_TIME = 60  # seconds; initialising a database writes 40 MB
ATTEMPTS = 5


class ServerMissing(Exception):
    """The server is not installed."""


def find_program(name: str, places: Sequence[str] = ()) -> Path:
    """NAME in PATH or in the folders that match PLACES."""
    found = [path / name for pattern in places for path in sorted(Path("/").glob(pattern)) if (path / name).exists()]
    on_path = shutil.which(name)
    if not found and on_path is None:
        raise ServerMissing(f"{name} IS NOT INSTALLED")
    return found[-1] if found else Path(str(on_path))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server process; subclasses say how it is started and how it is seen to be ready."""

    user: str  # whom to run as, if we are root

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hoop-"))  # short, for the socket's path
        self.identity = pwd.getpwnam(self.user) if os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.tls_port = 0

    def own(self, *paths: Path) -> None:
        for path in paths:
            if self.identity:
                os.chown(path, self.identity.pw_uid, self.identity.pw_gid)

    def copy_private(self, *paths: Path) -> None:
        """Copies the files to where the server's user, and nobody else, can read them."""
        for path in paths:
            copy = self.folder / path.name
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
            self.own(copy)

    def popen(self, *command: str | Path) -> "subprocess.Popen[bytes]":
        drop = []
        if self.identity:
            drop = ["--reuid", str(self.identity.pw_uid), "--regid", str(self.identity.pw_gid), "--clear-groups"]
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", *drop, *map(str, command)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Somebody else can take the free ports before the server does: then it ends, and gets others."""
        deadline = time.monotonic() + START_TIME
        for _ in range(ATTEMPTS):
            self.port, self.tls_port = free_port(), free_port()
            self.process = self.popen(*self.command())
            while self.process.poll() is None and time.monotonic() < deadline:
                if self.is_ready():
                    return
                time.sleep(0.02)
        raise AssertionError(f"{type(self).__name__} did not start:\n{(self.folder / 'log').read_text()}")

    def __enter__(self) -> "Server":
        self.own(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL waits for no clients then
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL(Server):
    user = "postgres"

    def __init__(self, chain: Path, key: Path) -> None:
        self.programs = find_program("initdb", ["usr/lib/postgresql/*/bin"]).parent
        super().__init__()
        self.chain, self.key = chain, key
        self.data = self.folder / "data"

    def command(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "ssl": "on",
            "ssl_cert_file": self.folder / self.chain.name,
            "ssl_key_file": self.folder / self.key.name,
            "fsync": "off",
            "max_connections": 50,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [self.programs / "postgres", "-D", self.data, "-p", str(self.port), *options]

    def is_ready(self) -> bool:
        asked = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def __enter__(self) -> "PostgreSQL":
        super().__enter__()
        try:
            self.copy_private(self.chain, self.key)
            initialised = self.popen(
                self.programs / "initdb", "-D", self.data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"
            )
            assert initialised.wait(START_TIME) == 0, (self.folder / "log").read_text()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self


class Redis(Server):
    user = "nobody"

    def __init__(self, chain: Path, key: Path, authority: Path) -> None:
        self.program = find_program("redis-server")
        super().__init__()
        self.chain, self.key, self.authority = chain, key, authority

    @property
    def socket(self) -> str:
        return str(self.folder / "socket")

    def command(self) -> list[str | Path]:
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "tls-port": self.tls_port,
            "tls-cert-file": self.folder / self.chain.name,
            "tls-key-file": self.folder / self.key.name,
            "tls-ca-cert-file": self.folder / self.authority.name,
            "tls-auth-clients": "no",
            "unixsocket": self.socket,
            "dir": self.folder,
            "save": "",
        }
        return [self.program, *(str(word) for name, value in settings.items() for word in (f"--{name}", value))]

    def is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False

    def __enter__(self) -> "Redis":
        super().__enter__()
        try:
            self.copy_private(self.chain, self.key, self.authority)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self
