# SPDX-License-Identifier: MIT
"""Resident memory: of a sleeping task, and of a connection on which nothing happens."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
from pathlib import Path

import servers
from timing import Row

TASKS = 100_000
CONNECTIONS = 5000
EARLIER = 500  # connections that stay open from before the first reading
VISITORS = Path(__file__).with_name("visitors.py")


def resident() -> int:
    """Bytes of the process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def measure_task() -> float:
    async def sleep() -> None:
        await asyncio.sleep(3600)

    tasks: list[asyncio.Task[None] | None] = [None] * TASKS
    before = resident()
    for i in range(TASKS):
        tasks[i] = asyncio.create_task(sleep())
    await asyncio.sleep(0)  # now all sleep
    return (resident() - before) / TASKS


async def measure_connections(start: servers.StartServer) -> float:
    """The other ends are another process's. Each connection has said something and was answered."""
    with socket.create_server((servers.HOST, 0)) as probe:
        port = probe.getsockname()[1]
    server = await start(servers.Place("tcp", str(port), []))
    command = [sys.executable, str(VISITORS), servers.HOST, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as visitors:
        assert visitors.stdin is not None and visitors.stdout is not None
        read_answer = visitors.stdout.readline

        async def open_connections(count: int) -> None:
            print(count, file=visitors.stdin)
            answer = await asyncio.to_thread(read_answer)
            assert answer == "open\n", answer

        await open_connections(EARLIER)
        before = resident()
        await open_connections(CONNECTIONS)
        value = (resident() - before) / CONNECTIONS
        visitors.stdin.close()
    server.close()
    while len(asyncio.all_tasks()) > 1:  # until the server has seen the end of all
        await asyncio.sleep(0.01)
    return value


async def measure_connection_protocol() -> float:
    return await measure_connections(servers.protocol(servers.Echo))


async def measure_connection_streams() -> float:
    return await measure_connections(servers.streams(servers.talk_read))


ROWS = (
    Row("memory_task", "B", measure_task),
    Row("memory_protocol", "B", measure_connection_protocol),
    Row("memory_streams", "B", measure_connection_streams),
)
