# SPDX-License-Identifier: MIT
"""What a Starlette application does: plain answers, streams, files, WebSockets, work in threads and after the answer."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def about(request: Request) -> JSONResponse:
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return JSONResponse({"loop": loop, "pid": os.getpid(), "scheme": request.url.scheme})


async def digest(request: Request) -> PlainTextResponse:
    sha = hashlib.sha256()
    async for part in request.stream():
        sha.update(part)
    return PlainTextResponse(sha.hexdigest())


async def count(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(request.path_params["lines"]):
            yield f"{number}\n"
            await asyncio.sleep(0)  # a generator that never waits would not learn that the client has left

    return StreamingResponse(lines(), media_type="text/plain")


def in_thread(_: Request) -> PlainTextResponse:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return PlainTextResponse("in a thread")
    return PlainTextResponse("on the loop")


async def slow(_: Request) -> PlainTextResponse:
    await asyncio.sleep(0.2)
    return PlainTextResponse("done")


async def later(request: Request) -> PlainTextResponse:
    task = BackgroundTask(request.app.state.done.append, "background")
    return PlainTextResponse("answered", background=task)


async def what_was_done(request: Request) -> JSONResponse:
    return JSONResponse(request.app.state.done)


async def broken(_: Request) -> PlainTextResponse:
    raise ValueError("broken on purpose")


async def this_file(_: Request) -> FileResponse:
    return FileResponse(__file__)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="echo")
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "bye":
                await websocket.close(code=4000, reason="told to")
                return
            await websocket.send({**message, "type": "websocket.send"})
    except WebSocketDisconnect:
        pass


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.done = ["startup"]
    yield
    print(json.dumps({"shutdown": time.time()}), flush=True)


app = Starlette(
    routes=[
        Route("/", about),
        Route("/digest", digest, methods=["POST"]),
        Route("/count/{lines:int}", count),
        Route("/thread", in_thread),
        Route("/slow", slow),
        Route("/later", later),
        Route("/done", what_was_done),
        Route("/broken", broken),
        Route("/file", this_file),
        WebSocketRoute("/echo", echo),
    ],
    lifespan=lifespan,
)
