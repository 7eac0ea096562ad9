# SPDX-License-Identifier: MIT
"""What a type checker must refuse: each line with "wrong:" and the error's code, and no other one, is an error.

test_types.py has mypy look at it; it is never run.
"""

import asyncio

import hoop
import hoop._core


async def length(text: str) -> int:
    return len(text)


def shout(text: str) -> None:
    print(text.upper())


loop = hoop.new_event_loop()

hoop.run(length)  # wrong: arg-type
hoop.run(length("text"), loop_factory=hoop.new_event_loop)  # wrong: call-arg
text: str = hoop.run(length("text"))  # wrong: assignment
hoop.install(loop)  # wrong: call-arg
hoop.new_event_loop(True)  # wrong: call-arg
asyncio.Runner(loop_factory=hoop.Loop.close)  # wrong: arg-type

loop.call_soon(shout, 1)  # wrong: arg-type
loop.call_soon(shout)  # wrong: arg-type
loop.call_soon(shout("text"))  # wrong: func-returns-value, arg-type
loop.call_soon_threadsafe(shout, "text", "more")  # wrong: arg-type
loop.call_later("1", shout, "text")  # wrong: arg-type
loop.call_at(1.0, shout, 1)  # wrong: arg-type
loop.call_soon(shout, "text", context={})  # wrong: arg-type
loop.add_reader(1.5, shout, "text")  # wrong: arg-type
loop.add_writer(1, shout, 1)  # wrong: arg-type
loop.create_task(length)  # wrong: arg-type
loop.create_task(length("text"), title="measuring")  # wrong: call-arg
loop.run_until_complete(1)  # wrong: arg-type
loop.set_debug("yes")  # wrong: arg-type
loop.slow_callback_duration = "0.1"  # wrong: assignment
loop.time = 1.0  # wrong: method-assign, assignment
loop.run()  # wrong: attr-defined
loop._debug = True  # wrong: misc


class Special(hoop._core.TimerHandle):  # wrong: misc
    pass
