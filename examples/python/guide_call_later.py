# SPDX-License-Identifier: MIT
"""The guide's second program: a callback that schedules itself again each second."""

import hoop


def hello() -> None:
    print("hello")
    loop.call_later(1, hello)


def stop() -> None:
    print("loop stopped")
    loop.stop()


loop = hoop.new_event_loop()
hello()
loop.call_later(2.5, stop)
print("starting event loop")
loop.run_forever()
loop.close()
