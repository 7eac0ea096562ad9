# SPDX-License-Identifier: MIT
"""Serves an ASGI application on the running loop, beside the test that talks to it, and makes httpx clients for it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn


@asynccontextmanager
async def serve(app: Any, **options: Any) -> AsyncIterator[str]:
    """The URL of APP on uvicorn; OPTIONS are uvicorn's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", **options))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            scheme = "https" if "ssl_certfile" in options else "http"
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def client_of(url: str, **options: Any) -> httpx.AsyncClient:
    """Without httpx's time limits, which a busy machine exceeds: the test's own limit is the one that counts."""
    return httpx.AsyncClient(base_url=url, timeout=None, **options)
