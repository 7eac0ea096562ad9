# SPDX-License-Identifier: MIT
"""The guide's fourth program: coroutines cannot be used with call_soon(), but a callback can start them."""

import asyncio

import hoop


async def long_async_task() -> int:
    print("starting long non blocking task")
    await asyncio.sleep(3)
    print("done with non blocking task")
    return 42


async def do_something() -> None:
    print("need to compute something")
    print(f"result is {await long_async_task()}")


def start() -> None:
    tasks.append(asyncio.ensure_future(do_something()))


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(start)
    loop.call_later(1, start)
    await asyncio.sleep(2)
    await asyncio.gather(*tasks)
    print("all done")


tasks: list[asyncio.Task[None]] = []
hoop.run(main())
