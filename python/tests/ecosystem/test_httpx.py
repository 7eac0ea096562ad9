# SPDX-License-Identifier: MIT
"""httpx as a client; the server is Starlette on uvicorn, on the same loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from asgi import client_of, serve
from conftest import Certificates
from programs.starlette_app import app


async def test_a_pool_of_connections_is_shared() -> None:
    limits = httpx.Limits(max_connections=10)
    async with serve(app) as url, client_of(url, limits=limits) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(200)))
    assert [answer.status_code for answer in answers] == [200] * 200


async def test_bodies_stream_both_ways() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(65536)

    async with serve(app) as url, client_of(url) as client:
        whole = await client.post("/digest", content=bytes(6_553_600))
        assert (await client.post("/digest", content=parts())).text == whole.text
        async with client.stream("GET", "/file") as answer:
            assert b"".join([part async for part in answer.aiter_raw()])


async def test_a_timeout_leaves_the_client_usable() -> None:
    async with serve(app) as url, client_of(url) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/slow", timeout=0.02)
        assert (await client.get("/slow")).text == "done"


async def test_a_cancelled_request_leaves_the_client_usable() -> None:
    async with serve(app) as url, client_of(url, limits=httpx.Limits(max_connections=1)) as client:
        await client.get("/")
        request = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.02)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert (await client.get("/slow")).text == "done"


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_unix_socket(tmp_path: Path) -> None:
    """A server that speaks just enough HTTP, on asyncio's streams."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    path = str(tmp_path / "socket")
    async with await asyncio.start_unix_server(answer, path):
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
            assert (await client.get("http://server/")).text == "hello"


async def test_tls(certificates: Certificates) -> None:
    tls = {"ssl_certfile": certificates.chain, "ssl_keyfile": certificates.key}
    async with serve(app, **tls) as url, client_of(url, verify=certificates.client) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(50)))
        assert {answer.json()["scheme"] for answer in answers} == {"https"}
        assert (await client.post("/digest", content=bytes(6_553_600))).status_code == 200
