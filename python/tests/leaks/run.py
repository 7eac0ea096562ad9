# SPDX-License-Identifier: MIT
"""Looks for leaks: does each kind of operation ten thousand times and counts what the process then holds more.

    python -X dev python/tests/leaks/run.py [-n COUNT] [NAME...]

Speaks TAP. Best run by a debug build of Python, which counts references; others count all but these. Each kind runs in
asyncio's debug mode and without it. First the checker shows that it finds leaks that are there.
"""

import argparse
import asyncio
import contextlib
import ctypes
import inspect
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hoop

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[3] / "tests")]

import basics  # noqa: E402
import measure  # noqa: E402
import networks  # noqa: E402
import tls_networks  # noqa: E402
from tap import Tap  # noqa: E402

Body = Callable[[int], Any]


def once(body: Body, debug: bool) -> Callable[[int], None]:
    """BODY on a new loop; one that is no coroutine function makes its own."""

    def operate(count: int) -> None:
        if not inspect.iscoroutinefunction(body):
            body(count)
            return
        loop = hoop.new_event_loop()
        loop.set_debug(debug)
        loop.slow_callback_duration = 60
        with contextlib.closing(loop):
            task = loop.create_task(body(count))
            task.add_done_callback(lambda _: loop.stop())
            loop.run_forever()
            if task.done():
                task.result()  # its exception, if it raised one
            else:  # it stopped the loop itself
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())

    return operate


# ---- leaks on purpose ----

_kept: list[object] = []


def a_list_that_grows(count: int) -> None:
    loop = hoop.new_event_loop()
    for _ in range(count // 50):
        loop.call_soon(_kept.append, object())
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


def a_reference_that_is_never_given_back(count: int) -> None:
    value = object()
    for _ in range(count // 50):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def a_descriptor_that_stays_open(count: int) -> None:
    os.dup(0)


def memory_of_the_library(count: int) -> None:
    library = ctypes.CDLL(hoop.get_library())
    library.hoop_new_event_loop_with.restype = ctypes.c_void_p
    library.hoop_close.argtypes = library.hoop_loop_ref.argtypes = [ctypes.c_void_p]
    for _ in range(count // 50):
        core = library.hoop_new_event_loop_with(None)
        library.hoop_loop_ref(core)
        library.hoop_close(core)


ON_PURPOSE: list[tuple[Body, str]] = [
    (a_list_that_grows, "blocks"),
    (a_reference_that_is_never_given_back, "references"),
    (a_descriptor_that_stays_open, "descriptors"),
    (memory_of_the_library, "bytes"),
]


def told(grown: dict[str, float]) -> str:
    return ", ".join(f"{more:.3f} {name} more an operation" for name, more in grown.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", dest="count", type=int, default=10_000)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    logging.disable()
    tap = Tap()
    for body, what in ON_PURPOSE:
        name = f"{body.__name__} is found"
        if what == "references" and not hasattr(sys, "gettotalrefcount"):
            tap.skip(name, "this interpreter does not count references")
            continue
        grown = measure.growth(once(body, False), 10_000)
        tap.test(name, what in grown, f"grown: {told(grown) or 'nothing'}")
    bodies = basics.BODIES + networks.BODIES + tls_networks.BODIES
    for body, part in bodies:
        if options.names and body.__name__ not in options.names:
            continue
        for debug in (False, True):
            if debug and not inspect.iscoroutinefunction(body):
                continue
            count = int(options.count * part)
            start = time.monotonic()
            try:
                explanation = told(measure.growth(once(body, debug), count))
            except Exception as error:
                explanation = f"{type(error).__name__}: {error}"
            tap.test(
                f"{count} {body.__name__}{', debug mode' if debug else ''} ({time.monotonic() - start:.1f} s)",
                not explanation,
                explanation,
            )
    tap.done()


if __name__ == "__main__":
    main()
