# SPDX-License-Identifier: MIT
"""gunicorn: uvicorn's worker on the loop that it is told of, and gunicorn's own worker under `python -m hoop`."""

import asyncio
import hashlib
import signal
import sys
from typing import Any

import httpx
import pytest

from asgi import client_of
from loops import LoopKind
from programs.run import Program

OPTIONS = ("-m", "gunicorn", "--bind", "fd://{fd}", "--workers", "2", "--graceful-timeout", "20")
UVICORN = (sys.executable, *OPTIONS, "-k", "gunicorn_worker.Worker", "starlette_app:app")


async def about_workers(url: str, *, ending: bool = False) -> tuple[set[str], set[int]]:
    """Which loops the workers run on, and their processes: a few slow requests keep one busy, so that others answer.
    Workers that are ENDING may take a connection and not answer."""

    async def ask(path: str) -> dict[str, Any]:
        try:
            answer = await client.get(path)
            return answer.json() if path == "/" else {}
        except httpx.TransportError:
            if not ending:
                raise
            return {}

    async with client_of(url) as client:
        answers = [answer for answer in await asyncio.gather(*map(ask, ("/", "/slow") * 4)) if answer]
    return {answer["loop"] for answer in answers}, {answer["pid"] for answer in answers}


@pytest.fixture(params=["uvicorn's worker", "its own worker"])
def command(request: pytest.FixtureRequest, loop: LoopKind) -> tuple[str, ...]:
    if request.param == "uvicorn's worker":
        return UVICORN
    return (*loop.python, *OPTIONS, "-k", "asgi", "--asgi-loop", "asyncio", "starlette_app:app")


async def test_two_workers(program: Program, loop: LoopKind, command: tuple[str, ...]) -> None:
    url = program.start(*command)
    processes: set[int] = set()
    while len(processes) < 2:  # which of them takes a connection is the kernel's choice
        loops, answered = await about_workers(url)
        assert loops == {loop.name}
        processes |= answered
    await program.stop(signal.SIGTERM)


async def test_bodies(program: Program, command: tuple[str, ...]) -> None:
    body = bytes(range(256)) * 20_000
    async with client_of(program.start(*command)) as client:
        assert (await client.post("/digest", content=body)).text == hashlib.sha256(body).hexdigest()
        assert len((await client.get("/count/5000")).text.splitlines()) == 5000
        assert (await client.get("/broken")).status_code == 500
    await program.stop(signal.SIGTERM)


async def test_a_signal_lets_requests_finish(program: Program, command: tuple[str, ...]) -> None:
    url = program.start(*command)
    async with client_of(url) as client:
        await client.get("/")
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(client.get("/slow"))
            await asyncio.sleep(0.05)  # the request is on its way
            await program.stop(signal.SIGTERM)
    assert slow.result().text == "done"


async def test_a_new_generation_of_workers(program: Program, loop: LoopKind) -> None:
    """SIGHUP: gunicorn starts new workers, and the old ones go once they have answered."""
    url = program.start(*UVICORN)
    _, before = await about_workers(url)
    program.send_signal(signal.SIGHUP)
    now = before
    while not now or now & before:
        loops, now = await about_workers(url, ending=True)
        assert loops <= {loop.name}
    await program.stop(signal.SIGTERM)


async def test_a_killed_worker_is_replaced(program: Program, loop: LoopKind) -> None:
    url = program.start(*UVICORN)
    _, before = await about_workers(url)
    for process in before:
        program.send_signal(signal.SIGKILL, process)
    now = before
    while not now or now & before:
        loops, now = await about_workers(url, ending=True)
        assert loops <= {loop.name}
    await program.stop(signal.SIGTERM)
