# SPDX-License-Identifier: MIT
"""The guide's first program: an event loop and one callback."""

import hoop


def hello() -> None:
    print("hello")
    loop.stop()


loop = hoop.new_event_loop()
loop.call_soon(hello)
loop.run_forever()
loop.close()
