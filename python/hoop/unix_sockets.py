# SPDX-License-Identifier: MIT
"""Unix domain sockets: connections by path, and servers with their files."""

import errno
import os
import socket
import stat
import sys
from typing import Any

from .log import logger
from .servers import Server, Servers
from .transports import Connection, ProtocolFactory, check_timeouts, tls_of

# Whether closing a server removes its file: asyncio does since 3.13.
_CLEANS_UP = sys.version_info >= (3, 13)


def _check_unix_stream(sock: socket.socket) -> None:
    if sock.family != socket.AF_UNIX or sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")


def _is_file(path: str | bytes) -> bool:
    """Neither an abstract address nor none at all."""
    return bool(path) and path[0] not in (0, "\0")


def remove_stale(path: str | bytes) -> None:
    """What a server that is gone has left behind; nothing but a socket is removed."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        # The directory may allow no more than making sockets.
        logger().error("Unable to check or remove stale UNIX socket %r: %r", path, error)


def _bind(path: str | bytes) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_file(path):
            remove_stale(path)
        sock.bind(path)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock


class UnixSockets(Servers):
    def __init__(self) -> None:
        super().__init__()
        # The paths and inodes of the files that go when their servers close.
        self._unix_files: dict[socket.socket, tuple[str, int]] = {}

    async def create_unix_connection(
        self,
        protocol_factory: ProtocolFactory,
        path: str | bytes | os.PathLike[Any] | None = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Connection:
        """Connects to a server by its path, or on a socket that is connected; returns (transport, protocol)."""
        assert server_hostname is None or isinstance(server_hostname, str)
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        if not ssl and server_hostname is not None:
            raise ValueError("server_hostname is only meaningful with ssl")
        check_timeouts(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)

        if path is not None:
            if sock is not None:
                raise ValueError("path and sock can not be specified at the same time")
            sock = await self._connect_unix(os.fspath(path))
        elif sock is None:
            raise ValueError("no path and sock were specified")
        else:
            _check_unix_stream(sock)

        tls = tls_of(ssl, False, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        return await self._open(sock, protocol_factory, tls, is_given=path is None)

    async def _connect_unix(self, path: str | bytes) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self.sock_connect(sock, path)
        except BaseException:
            sock.close()
            raise
        return sock

    async def create_unix_server(
        self,
        protocol_factory: ProtocolFactory,
        path: str | bytes | os.PathLike[Any] | None = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = _CLEANS_UP,
    ) -> Server:
        """Listens on a path, or on a socket that is bound.

        A socket that an earlier server left at the path is replaced. With cleanup_socket (the default since 3.13) the
        file is removed when the server closes, unless it is another's by then.
        """
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        check_timeouts(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)

        if path is not None:
            if sock is not None:
                raise ValueError("path and sock can not be specified at the same time")
            sock = _bind(os.fspath(path))
        elif sock is None:
            raise ValueError("path was not specified, and no sock specified")
        else:
            _check_unix_stream(sock)

        if cleanup_socket:
            self._note_file(sock)
        return await self._serve(
            [sock], protocol_factory, ssl, backlog, ssl_handshake_timeout, ssl_shutdown_timeout, start_serving
        )

    def _note_file(self, sock: socket.socket) -> None:
        path = sock.getsockname()
        if _is_file(path):
            try:
                self._unix_files[sock] = path, os.stat(path).st_ino
            except FileNotFoundError:
                pass

    def _stop_serving(self, sock: socket.socket) -> None:
        super()._stop_serving(sock)
        if sock not in self._unix_files:
            return
        path, inode = self._unix_files.pop(sock)
        try:
            if os.stat(path).st_ino == inode:
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger().error("Unable to clean up listening UNIX socket %r: %r", path, error)
