# SPDX-License-Identifier: MIT
"""What a FastAPI application does: validated bodies, dependencies in coroutines and in threads, WebSockets."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
events: list[str] = []


class Item(BaseModel):
    name: str
    price: float


async def session() -> AsyncIterator[str]:
    events.append("session opened")
    yield "session"
    events.append("session closed")


def thread() -> Iterator[str]:
    yield "loop" if threading.current_thread() is threading.main_thread() else "thread"


@app.get("/")
async def about() -> dict[str, str]:
    return {"loop": type(asyncio.get_running_loop()).__module__.partition(".")[0]}


@app.post("/items")
async def add_item(item: Item, number: int = 1) -> dict[str, float | str]:
    if item.price < 0:
        raise HTTPException(409, "not for sale")
    return {"name": item.name, "total": item.price * number}


@app.get("/session")
async def with_session(opened: Annotated[str, Depends(session)], where: Annotated[str, Depends(thread)]) -> list[str]:
    return [opened, where]


@app.get("/later")
def later(tasks: BackgroundTasks) -> str:
    tasks.add_task(events.append, "background")
    return "answered"


@app.get("/events")
async def get_events() -> list[str]:
    return events


@app.get("/count/{lines}")
async def count(lines: int) -> StreamingResponse:
    return StreamingResponse(f"{number}\n" for number in range(lines))  # an iterator: runs in threads


@app.websocket("/items")
async def watch(websocket: WebSocket) -> None:
    await websocket.accept()
    async for item in websocket.iter_json():
        await websocket.send_json({"seen": item})
