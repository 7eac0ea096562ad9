# SPDX-License-Identifier: MIT
"""uvicorn with Starlette and with FastAPI, as a program and on the test's own loop; the client is httpx."""

import asyncio
import hashlib
import json
import signal
import sys
from pathlib import Path

import httpx
import pytest
import websockets

from asgi import client_of, serve
from conftest import Certificates
from loops import LoopKind
from programs import fastapi_app, starlette_app
from programs.run import Program

UVICORN = (sys.executable, "-m", "uvicorn", "--fd", "{fd}")
PARSERS = pytest.mark.parametrize("http", ["h11", "httptools"])


@PARSERS
async def test_starlette(loop: LoopKind, http: str) -> None:
    body = bytes(range(256)) * 20_000
    async with serve(starlette_app.app, http=http) as url, client_of(url) as client:
        assert (await client.get("/")).json()["loop"] == loop.name
        assert (await client.post("/digest", content=body)).text == hashlib.sha256(body).hexdigest()
        assert (await client.get("/thread")).text == "in a thread"
        assert (await client.get("/file")).content == Path(starlette_app.__file__).read_bytes()
        assert (await client.get("/nowhere")).status_code == 404


@PARSERS
async def test_a_stream_comes_in_parts(http: str) -> None:
    async with serve(starlette_app.app, http=http) as url, client_of(url) as client:
        async with client.stream("GET", "/count/5000") as answer:
            lines = [int(line) async for line in answer.aiter_lines()]
    assert lines == list(range(5000))


async def test_a_client_leaves_in_the_middle_of_a_stream() -> None:
    async with serve(starlette_app.app) as url, client_of(url) as client:
        async with client.stream("GET", "/count/10000000") as answer:
            async for _ in answer.aiter_lines():
                break
        assert (await client.get("/thread")).status_code == 200


async def test_two_hundred_requests_at_once() -> None:
    async with serve(starlette_app.app) as url, client_of(url) as client:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.get(path)) for path in ("/", "/thread") * 100]
    assert [task.result().status_code for task in tasks] == [200] * 200


async def test_background_tasks_run_after_the_answer() -> None:
    async with serve(starlette_app.app) as url, client_of(url) as client:
        assert (await client.get("/done")).json() == ["startup"]
        assert (await client.get("/later")).text == "answered"
        while (await client.get("/done")).json() != ["startup", "background"]:
            pass  # the test's time limit ends this


async def test_an_error_in_the_application_is_its_own() -> None:
    async with serve(starlette_app.app) as url, client_of(url) as client:
        assert (await client.get("/broken")).status_code == 500
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize("implementation", ["websockets-sansio", "wsproto"])
async def test_websocket(implementation: str) -> None:
    async with serve(starlette_app.app, ws=implementation) as url:
        uri = url.replace("http", "ws") + "/echo"
        async with websockets.connect(uri, subprotocols=[websockets.Subprotocol("echo")]) as websocket:
            assert websocket.subprotocol == "echo"
            for number in range(100):
                await websocket.send(f"message {number}")
                assert await websocket.recv() == f"message {number}"
            await websocket.send(bytes(500_000))
            assert await websocket.recv() == bytes(500_000)
            await websocket.send("bye")
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await websocket.recv()
            assert closed.value.rcvd == websockets.frames.Close(4000, "told to")


async def test_tls(loop: LoopKind, certificates: Certificates) -> None:
    tls = {"ssl_certfile": certificates.chain, "ssl_keyfile": certificates.key}
    async with serve(starlette_app.app, **tls) as url:
        async with client_of(url, verify=certificates.client) as client:
            about = (await client.get("/")).json()
            assert (about["loop"], about["scheme"]) == (loop.name, "https")
            lines = (await client.get("/count/5000")).text.splitlines()
            assert len(lines) == 5000
        async with client_of(url) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get("/")


async def test_fastapi(loop: LoopKind) -> None:
    async with serve(fastapi_app.app) as url, client_of(url) as client:
        assert (await client.get("/")).json() == {"loop": loop.name}
        answer = await client.post("/items", params={"number": 3}, json={"name": "hoop", "price": 1.5})
        assert answer.json() == {"name": "hoop", "total": 4.5}
        assert (await client.post("/items", json={"name": "hoop"})).status_code == 422
        assert (await client.post("/items", json={"name": "hoop", "price": -1})).status_code == 409
        assert len((await client.get("/count/500")).text.splitlines()) == 500


async def test_fastapi_dependencies_and_background_tasks() -> None:
    fastapi_app.events.clear()
    async with serve(fastapi_app.app) as url, client_of(url) as client:
        assert (await client.get("/session")).json() == ["session", "thread"]
        assert (await client.get("/later")).json() == "answered"
        while "background" not in (events := (await client.get("/events")).json()):
            pass  # the test's time limit ends this
    assert events == ["session opened", "session closed", "background"]


async def test_fastapi_websocket() -> None:
    async with serve(fastapi_app.app) as url:
        async with websockets.connect(url.replace("http", "ws") + "/items") as websocket:
            for number in range(50):
                await websocket.send(json.dumps({"number": number}))
                assert json.loads(await websocket.recv()) == {"seen": {"number": number}}


@pytest.mark.parametrize("app", ["starlette_app:app", "fastapi_app:app"])
async def test_program(program: Program, loop: LoopKind, app: str) -> None:
    """uvicorn makes its loop with the factory that its command line names."""
    async with client_of(program.start(*UVICORN, "--loop", loop.factory, app)) as client:
        assert (await client.get("/")).json()["loop"] == loop.name
    await program.stop(signal.SIGTERM)


async def test_unmodified_program(program: Program, loop: LoopKind) -> None:
    """uvicorn lets asyncio make the loop, which `python -m hoop -m uvicorn` has seen to."""
    command = (*loop.python, *UVICORN[1:], "--loop", "none", "starlette_app:app")
    async with client_of(program.start(*command)) as client:
        assert (await client.get("/")).json()["loop"] == loop.name
    await program.stop(signal.SIGTERM)


async def test_a_signal_lets_requests_finish(program: Program, loop: LoopKind) -> None:
    url = program.start(*UVICORN, "--loop", loop.factory, "starlette_app:app")
    async with client_of(url) as client:
        await client.get("/")
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(client.get("/slow"))
            await asyncio.sleep(0.05)  # the request is on its way
            output = await program.stop(signal.SIGTERM)
    assert slow.result().text == "done"
    assert '"shutdown"' in output


async def test_two_worker_processes(program: Program, loop: LoopKind) -> None:
    url = program.start(*UVICORN, "--loop", loop.factory, "--workers", "2", "starlette_app:app")
    workers: set[tuple[str, int]] = set()
    while len(workers) < 2:  # which of them takes a connection is the kernel's choice
        async with client_of(url) as client:
            answers = await asyncio.gather(*(client.get("/slow" if number % 2 else "/") for number in range(8)))
        workers |= {(about["loop"], about["pid"]) for about in (answer.json() for answer in answers[::2])}
    assert {name for name, _ in workers} == {loop.name}
    await program.stop(signal.SIGTERM)
