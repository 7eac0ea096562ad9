# SPDX-License-Identifier: MIT
"""Servers: sockets that listen, and what becomes of the connections that come in."""

import asyncio
import contextvars
import errno
import itertools
import socket
import sys
import weakref
from collections.abc import Iterable
from typing import Any

from . import _core
from .addresses import AddressInfo, Addresses, bind_error
from .log import logger
from .transports import ProtocolFactory, Tls, Transports, check_plain, check_timeouts, tls_of


class Server(asyncio.Server):
    """asyncio's own class, whose semantics differ by version: wait_closed, and what ends serve_forever.

    It calls _start_serving and _stop_serving of the loop, transports call its _attach and _detach.
    """

    if sys.version_info < (3, 13):

        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            # A transport that the program forgot without closing it says so only if nobody holds it.
            self._clients: weakref.WeakSet[Any] = weakref.WeakSet()

        def _attach(self, transport: Any = None) -> None:
            super()._attach()  # type: ignore[misc]
            if transport is not None:
                self._clients.add(transport)

        def _detach(self, transport: Any = None) -> None:
            if transport is not None:
                self._clients.discard(transport)
            super()._detach()  # type: ignore[misc]

        def close_clients(self) -> None:
            """Closes the transports of all connections that were accepted; what they still have to write is written."""
            for transport in list(self._clients):
                transport.close()

        def abort_clients(self) -> None:
            """Closes the transports of all connections that were accepted at once."""
            for transport in list(self._clients):
                transport.abort()


class _Reception:
    """Makes a transport of each connection that comes in on one listening socket."""

    __slots__ = ("context", "loop", "protocol_factory", "server", "tls")

    def __init__(self, loop: Transports, protocol_factory: ProtocolFactory, tls: Tls | None, server: Any) -> None:
        self.loop = loop
        self.protocol_factory = protocol_factory
        self.tls = tls
        self.server = server
        self.context = contextvars.copy_context()

    def __call__(self, sock: socket.socket) -> None:
        """Called by the listener with a connected socket."""
        if self.loop.get_debug():
            logger().debug("%r got a new connection: %r", self.server, sock)
        # What a protocol sets in its context is no business of the next one.
        self.context.copy().run(self._receive, sock)

    def _receive(self, sock: socket.socket) -> None:
        protocol = None
        try:
            protocol = self.protocol_factory()
            if self.tls is None:
                _core.StreamTransport(self.loop, sock, protocol, None, None, self.server)
            else:
                self._begin_handshake(sock, protocol, self.tls)
        except (SystemExit, KeyboardInterrupt):
            sock.close()
            raise
        except BaseException as error:
            sock.close()
            self._report(error, protocol, None)

    def _begin_handshake(self, sock: socket.socket, protocol: Any, tls: Tls) -> None:
        shaken: asyncio.Future[None] = self.loop.create_future()
        transport = self.loop._make_transport(sock, protocol, tls, shaken, self.server)
        self.loop.create_task(self._await_handshake(shaken, protocol, transport))

    async def _await_handshake(self, shaken: asyncio.Future[None], protocol: Any, transport: Any) -> None:
        """A task, so that asyncio.run ends it."""
        try:
            await shaken
        except BaseException as error:
            transport.close()
            if isinstance(error, SystemExit | KeyboardInterrupt):
                raise
            self._report(error, protocol, transport)
        finally:
            # A failed future keeps its exception, whose traceback would keep the future.
            del shaken

    def _report(self, error: BaseException, protocol: Any, transport: Any) -> None:
        """Anybody can connect and say nonsense: only debug mode tells of it."""
        if not self.loop.get_debug():
            return
        context = {"message": "Error on transport creation for incoming connection", "exception": error}
        if protocol is not None:
            context["protocol"] = protocol
        if transport is not None:
            context["transport"] = transport
        self.loop.call_exception_handler(context)


def _allow_shared_port(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        text = "reuse_port not supported by socket module, SO_REUSEPORT defined but not implemented."
        raise ValueError(text) from None


class Servers(Addresses, Transports):
    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[socket.socket, Any] = {}

    async def create_server(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: Any = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Listens on a TCP port of one host, of several, or of all ("" or None), or on a socket that is bound.

        Every connection gets a protocol of its own from protocol_factory. reuse_address is on unless it is False.
        """
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        check_timeouts(ssl is not None, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is not None:
            check_plain(sock)

        if host is not None or port is not None:
            if sock is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            infos = await self._resolve_hosts(host, port, family, flags)
            socks = self._bind_all(infos, reuse_address is None or reuse_address, reuse_port, keep_alive)
        elif sock is None:
            raise ValueError("Neither host/port nor sock were specified")
        elif sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        else:
            socks = [sock]

        server = await self._serve(
            socks, protocol_factory, ssl, backlog, ssl_handshake_timeout, ssl_shutdown_timeout, start_serving
        )
        if self.get_debug():
            logger().info("%r is serving", server)
        return server

    async def _serve(
        self,
        socks: list[socket.socket],
        protocol_factory: ProtocolFactory,
        ssl: Any,
        backlog: int,
        ssl_handshake_timeout: float | None,
        ssl_shutdown_timeout: float | None,
        start_serving: bool,
    ) -> Server:
        """A server of bound sockets."""
        for sock in socks:
            sock.setblocking(False)
        server = Server(self, socks, protocol_factory, ssl, backlog, ssl_handshake_timeout, ssl_shutdown_timeout)
        try:
            if start_serving:
                await server.start_serving()
        except BaseException:
            server.close()
            raise
        return server

    # ---- sockets to listen on ----

    async def _resolve_hosts(self, host: Any, port: Any, family: int, flags: int) -> list[AddressInfo]:
        """The addresses of all hosts, each once."""
        hosts: list[Any]
        if host == "":
            hosts = [None]
        elif isinstance(host, str) or not isinstance(host, Iterable):
            hosts = [host]
        else:
            hosts = list(host)
        found = await asyncio.gather(*(self._resolve_host(each, port, family, flags) for each in hosts))
        return list(dict.fromkeys(itertools.chain.from_iterable(found)))

    async def _resolve_host(self, host: Any, port: Any, family: int, flags: int) -> list[AddressInfo]:
        infos = await self._ensure_resolved(
            (host, port), family=family, type=socket.SOCK_STREAM, flags=flags, loop=self
        )
        if not infos:
            raise OSError(f"getaddrinfo({host!r}) returned empty list")
        return infos

    def _bind_all(
        self, infos: list[AddressInfo], reuse_address: bool, reuse_port: bool | None, keep_alive: bool | None
    ) -> list[socket.socket]:
        """A socket for each address that this machine has; one that fails for another reason fails all."""
        socks: list[socket.socket] = []
        try:
            for family, type, proto, _, address in infos:
                try:
                    sock = socket.socket(family, type, proto)
                except OSError:
                    # A family that the system does not know.
                    if self.get_debug():
                        text = "create_server() failed to create socket.socket(%r, %r, %r)"
                        logger().warning(text, family, type, proto, exc_info=True)
                    continue
                socks.append(sock)
                if reuse_address:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
                if reuse_port and family in (socket.AF_INET, socket.AF_INET6):
                    _allow_shared_port(sock)
                if keep_alive:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
                if family == socket.AF_INET6:
                    # It would take the IPv4 port as well, which has a socket of its own.
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
                if not self._bind_one(sock, address):
                    socks.pop().close()
            if not socks:
                raise OSError(f"could not bind on any address out of {[info[4] for info in infos]!r}")
        except BaseException:
            for sock in socks:
                sock.close()
            raise
        return socks

    def _bind_one(self, sock: socket.socket, address: Any) -> bool:
        """False if the machine has no such address: IPv6 may be known to it, but switched off."""
        try:
            sock.bind(address)
        except OSError as error:
            explained = bind_error(address, error)
            if error.errno != errno.EADDRNOTAVAIL:
                raise explained from None
            if self.get_debug():
                logger().warning(explained.strerror)
            return False
        return True

    # ---- what asyncio's Server calls ----

    def _start_serving(
        self,
        protocol_factory: ProtocolFactory,
        sock: socket.socket,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: contextvars.Context | None = None,
    ) -> None:
        """Accepts connections on a socket that listens."""
        tls = tls_of(sslcontext, True, None, ssl_handshake_timeout, ssl_shutdown_timeout)
        reception = (context or contextvars.copy_context()).run(_Reception, self, protocol_factory, tls, server)
        self._listeners[sock] = _core.Listener(self, sock, reception, backlog + 1)

    def _stop_serving(self, sock: socket.socket) -> None:
        """Closes a listening socket."""
        listener = self._listeners.pop(sock, None)
        if listener is not None:
            listener.close()
        sock.close()
