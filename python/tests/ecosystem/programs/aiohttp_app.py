# SPDX-License-Identifier: MIT
"""A server as programs have it, with run_app. The argument is the descriptor of the socket that it listens on."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

from aiohttp import web


async def say_loop(_: web.Request) -> web.Response:
    return web.json_response({"loop": type(asyncio.get_running_loop()).__module__.partition(".")[0]})


async def say_end(_: web.Application) -> AsyncIterator[None]:
    yield
    print("cleaned up", flush=True)


app = web.Application()
app.router.add_get("/", say_loop)
app.cleanup_ctx.append(say_end)

if __name__ == "__main__":
    web.run_app(app, sock=socket.socket(fileno=int(sys.argv[1])))
