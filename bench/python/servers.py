# SPDX-License-Identifier: MIT
"""The servers that the load generator talks to. Each sends back what comes, in another of asyncio's ways."""

import asyncio
import importlib.util
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, cast

HOST = "127.0.0.1"
BACKLOG = 1024
BLOCK = 65536  # asked for at once, where a server has to ask
MESSAGE = 1024


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = memoryview(bytearray(BLOCK))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))  # a transport may keep what it is given


class DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str | int, ...]) -> None:
        self.transport.sendto(data, address)


async def talk_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(BLOCK):
        writer.write(data)
    writer.close()


async def talk_drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(BLOCK):
        writer.write(data)
        await writer.drain()
    writer.close()


async def talk_readline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def talk_readexactly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(await reader.readexactly(MESSAGE))
    except asyncio.IncompleteReadError:
        writer.close()


class Place:
    """Where to serve: a port, or a Unix socket's path; with TLS or without."""

    def __init__(self, kind: str, address: str, certificate: list[str]) -> None:
        self.is_unix = kind.startswith("unix")
        self.address = address
        self.tls: ssl.SSLContext | None = None
        if kind.startswith("tls"):
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)

    @property
    def port(self) -> int:
        return int(self.address)


Start = Callable[[Place], Awaitable[object]]  # what it returns is to be kept; a task of it ends if it fails
StartServer = Callable[[Place], Awaitable[asyncio.AbstractServer]]


def protocol(factory: Callable[[], asyncio.BaseProtocol]) -> StartServer:
    async def start(place: Place) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        if place.is_unix:
            return await loop.create_unix_server(factory, place.address, backlog=BACKLOG)
        return await loop.create_server(factory, HOST, place.port, ssl=place.tls, backlog=BACKLOG)

    return start


def streams(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> StartServer:
    async def start(place: Place) -> asyncio.AbstractServer:
        return await asyncio.start_server(talk, HOST, place.port, ssl=place.tls, backlog=BACKLOG)

    return start


async def start_datagrams(place: Place) -> object:
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(DatagramEcho, local_addr=(HOST, place.port))


async def start_sock(place: Place) -> object:
    loop = asyncio.get_running_loop()
    listener = socket.create_server((HOST, place.port), backlog=BACKLOG)
    listener.setblocking(False)
    tasks = set()

    async def talk(client: socket.socket) -> None:
        with client:
            while data := await loop.sock_recv(client, BLOCK):
                await loop.sock_sendall(client, data)

    async def accept() -> None:
        while True:
            client, _ = await loop.sock_accept(listener)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(talk(client))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    return loop.create_task(accept())


HELLO = b"Hello, world!"


async def start_aiohttp(place: Place) -> object:
    from aiohttp import web  # the others do without

    async def hello(request: web.BaseRequest) -> web.Response:
        return web.Response(body=HELLO, content_type="text/plain")

    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    await web.TCPSite(runner, HOST, place.port, backlog=BACKLOG).start()
    return runner


async def hello_asgi(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(HELLO)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


async def start_uvicorn(place: Place) -> object:
    import uvicorn

    config = uvicorn.Config(
        hello_asgi,
        host=HOST,
        port=place.port,
        backlog=BACKLOG,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="error",
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    return serving


FRAMEWORKS = {"tcp_uvicorn": ("uvicorn", "httptools"), "tcp_aiohttp": ("aiohttp",)}
KINDS: dict[str, Start] = {  # the first word is the transport
    "tcp_sock": start_sock,
    "tcp_protocol": protocol(Echo),
    "unix_protocol": protocol(Echo),
    "tls_protocol": protocol(Echo),
    "tcp_buffered": protocol(BufferedEcho),
    "tcp_read": streams(talk_read),
    "tls_read": streams(talk_read),
    "tcp_drain": streams(talk_drain),
    "tcp_readline": streams(talk_readline),
    "tcp_readexactly": streams(talk_readexactly),
    "udp": start_datagrams,
    "tcp_uvicorn": start_uvicorn,
    "tcp_aiohttp": start_aiohttp,
}


def kinds() -> list[str]:
    """Those that can be had: a framework's needs the framework."""
    return [kind for kind in KINDS if all(map(importlib.util.find_spec, FRAMEWORKS.get(kind, ())))]


def settle_malloc() -> None:
    """glibc's malloc maps blocks from 128 KiB on one by one, until the first that is freed tells it that they come and
    go: from then on it keeps them. A program of any size has done that long ago. asyncio and uvloop receive into blocks
    of 256 KiB, and a server that does nothing else would map and unmap one a message: half of its time.
    """
    bytearray(4 * 1024 * 1024)


async def serve(kind: str, address: str, certificate: list[str]) -> None:
    settle_malloc()
    server = await KINDS[kind](Place(kind, address, certificate))
    print("ready", flush=True)
    if isinstance(server, asyncio.Task):
        await server
    await asyncio.get_running_loop().create_future()
