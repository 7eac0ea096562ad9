# SPDX-License-Identifier: MIT
"""aiohttp: its server and its client, on one loop."""

import asyncio
import hashlib
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from conftest import Certificates
from loops import LoopKind, running_loop
from programs.run import PROGRAMS, Program

MIB = 1 << 20


@asynccontextmanager
async def serve(app: web.Application, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of APP, served by the running loop."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def application(*routes: web.RouteDef) -> web.Application:
    app = web.Application(client_max_size=64 * MIB)
    app.add_routes(routes)
    return app


async def say_loop(_: web.Request) -> web.Response:
    return web.json_response({"loop": running_loop()})


async def echo_json(request: web.Request) -> web.Response:
    return web.json_response({"method": request.method, "query": dict(request.query), "body": await request.json()})


async def test_json_goes_there_and_back() -> None:
    async with serve(application(web.post("/echo", echo_json))) as url, aiohttp.ClientSession() as client:
        async with client.post(f"{url}/echo", params={"a": "1"}, json={"b": [2, None]}) as answer:
            assert answer.status == 200
            assert await answer.json() == {"method": "POST", "query": {"a": "1"}, "body": {"b": [2, None]}}


async def test_server_runs_on_the_loop(loop: LoopKind) -> None:
    async with serve(application(web.get("/", say_loop))) as url, aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            assert await answer.json() == {"loop": loop.name}


async def test_five_hundred_requests_share_twenty_connections() -> None:
    peers = set()

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(0)
        return web.Response(text=request.match_info["number"])

    async def ask(number: int) -> None:
        async with client.get(f"{url}/{number}") as answer:
            assert await answer.text() == str(number)

    connector = aiohttp.TCPConnector(limit=20)
    async with serve(application(web.get("/{number}", handle))) as url:
        async with aiohttp.ClientSession(connector=connector) as client, asyncio.TaskGroup() as group:
            for number in range(500):
                group.create_task(ask(number))
    assert 1 <= len(peers) <= 20


async def test_large_bodies_stream_both_ways() -> None:
    block = bytes(range(256)) * 256

    async def sixteen_mebibytes() -> AsyncIterator[bytes]:
        for _ in range(16 * MIB // len(block)):
            yield block

    async def upload(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for part in request.content.iter_any():
            await answer.write(part)
        await answer.write_eof()
        return answer

    expected = hashlib.sha256(block * (16 * MIB // len(block))).digest()
    received = hashlib.sha256()
    async with serve(application(web.post("/", upload))) as url, aiohttp.ClientSession() as client:
        async with client.post(url, data=sixteen_mebibytes()) as answer:
            async for part in answer.content.iter_chunked(100_000):
                received.update(part)
    assert received.digest() == expected


async def test_a_slow_reader_slows_the_writer() -> None:
    written = 0
    enough = asyncio.Event()

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(64):
            await answer.write(bytes(MIB))
            written += 1
            enough.set()
        return answer

    async with serve(application(web.get("/", pour))) as url, aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            await enough.wait()
            for _ in range(1000):
                await asyncio.sleep(0)
            assert written < 64  # the reader has not begun
            assert len(await answer.read()) == 64 * MIB
    assert written == 64


async def test_files_are_served(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 20_000)

    async def send(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)  # by loop.sendfile

    async with serve(application(web.get("/", send))) as url, aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            assert await answer.read() == path.read_bytes()
        async with client.get(url, headers={"Range": "bytes=1000-1999"}) as answer:
            assert answer.status == 206
            assert await answer.read() == path.read_bytes()[1000:2000]


async def echo_messages(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(max_msg_size=8 * MIB)
    await ws.prepare(request)
    async for message in ws:
        if message.data == "bye":
            await ws.close(code=4000, message=b"told to")
        elif message.type is aiohttp.WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
async def test_websocket(certificates: Certificates, tls: bool) -> None:
    app = application(web.get("/", echo_messages))
    async with serve(app, certificates.server if tls else None) as url, aiohttp.ClientSession() as client:
        async with client.ws_connect(url, ssl=certificates.client, max_msg_size=8 * MIB) as ws:
            for number in range(100):
                await ws.send_str(f"message {number}")
                assert await ws.receive_str() == f"message {number}"
            await ws.send_bytes(bytes(4 * MIB))
            assert await ws.receive_bytes() == bytes(4 * MIB)
            await ws.ping()
            await ws.send_str("bye")
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
            assert ws.close_code == 4000


async def test_tls(loop: LoopKind, certificates: Certificates) -> None:
    async def about_tls(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.json_response(
            {"loop": running_loop(), "version": request.transport.get_extra_info("ssl_object").version()}
        )

    app = application(web.get("/", about_tls), web.post("/echo", echo_json))
    async with serve(app, certificates.server) as url, aiohttp.ClientSession() as client:
        async with client.get(url, ssl=certificates.client) as answer:
            assert await answer.json() == {"loop": loop.name, "version": "TLSv1.3"}
        async with client.post(f"{url}/echo", json="x" * 500_000, ssl=certificates.client) as answer:
            assert (await answer.json())["body"] == "x" * 500_000
        with pytest.raises(aiohttp.ClientConnectorCertificateError):  # an authority that nobody told us of
            await client.get(url)
        async with client.get(url, ssl=certificates.client) as answer:
            assert answer.status == 200


async def test_tls_inside_a_proxy(certificates: Certificates) -> None:
    """The client upgrades the connection that the proxy has made: loop.start_tls."""
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        asked.append(request.split()[0])
        host, port = request.split()[1].decode().split(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, up_writer))
            group.create_task(pump(up_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    app = application(web.post("/echo", echo_json))
    async with serve(app, certificates.server) as url, await asyncio.start_server(proxy, "127.0.0.1", 0) as middle:
        through = f"http://127.0.0.1:{middle.sockets[0].getsockname()[1]}"
        async with aiohttp.ClientSession() as client:
            async with client.post(f"{url}/echo", json="y" * 500_000, proxy=through, ssl=certificates.client) as answer:
                assert (await answer.json())["body"] == "y" * 500_000
    assert asked == [b"CONNECT"]


async def test_client_gives_up_and_server_goes_on() -> None:
    never = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response(text="late")

    async with serve(application(web.get("/wait", wait), web.get("/", say_loop))) as url:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as client:
            with pytest.raises(asyncio.TimeoutError):
                await client.get(f"{url}/wait")
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            assert answer.status == 200
        never.set()


async def test_unix_socket(tmp_path: Path, loop: LoopKind) -> None:
    runner = web.AppRunner(application(web.get("/", say_loop)))
    await runner.setup()
    try:
        path = str(tmp_path / "socket")
        await web.UnixSite(runner, path).start()
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as client:
            async with client.get("http://server/") as answer:
                assert await answer.json() == {"loop": loop.name}
    finally:
        await runner.cleanup()


async def test_connection_refused() -> None:
    async with serve(application()) as url:
        pass  # nobody listens there now
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(url)


async def test_unmodified_program(program: Program, loop: LoopKind) -> None:
    """aiohttp's own run_app, as `python -m hoop app.py`: it answers on the loop, and ends at a signal in good order."""
    url = program.start(*loop.python, PROGRAMS / "aiohttp_app.py", "{fd}")
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            assert await answer.json() == {"loop": loop.name}
    assert "cleaned up" in await program.stop(signal.SIGTERM)
