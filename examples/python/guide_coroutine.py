# SPDX-License-Identifier: MIT
"""The guide's third program: coroutines that wait for each other, beside a callback."""

import asyncio

import hoop


async def long_async_task() -> int:
    print("starting long non blocking task")
    await asyncio.sleep(3)
    print("done with non blocking task")
    return 42


async def do_something() -> None:
    print("need to compute something")
    result = await long_async_task()
    print(f"result is {result}")


def hello() -> None:
    print("See, I'm not blocked")


async def main() -> None:
    asyncio.get_running_loop().call_later(2, hello)
    await do_something()
    print("all done")


hoop.run(main())
