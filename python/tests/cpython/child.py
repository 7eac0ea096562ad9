# SPDX-License-Identifier: MIT
"""Runs the tests of one module of CPython on another loop, and says how each went. run.py starts it, one process a module.

What the tests take for the loop of asyncio is made to be ours at the places where they get it from: the default policy
(asyncio.new_event_loop, asyncio.run, IsolatedAsyncioTestCase), and the names asyncio.SelectorEventLoop and
asyncio.EventLoop. Each loop that is made is counted, so that it is known of each test whether it ran on ours at all.
"""

import asyncio
import faulthandler
import importlib
import json
import os
import sys
import traceback
import unittest
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

Factory = Callable[[], asyncio.AbstractEventLoop]
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

# The same tests as SelectEventLoopTests, with asyncio's loop on another selector.
DUPLICATES = {"EPollEventLoopTests", "PollEventLoopTests"}


def find_factory(name: str) -> Factory:
    """`module:function`, or `asyncio` for its own loop."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    module, _, function = name.partition(":")
    factory: Factory = getattr(importlib.import_module(module), function)
    return factory


class CountedFactory:
    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.count = 0

    def __call__(self, selector: object = None) -> asyncio.AbstractEventLoop:
        self.count += 1
        return self.factory()


def reroute(factory: CountedFactory) -> None:
    """From here on asyncio makes its loops with the factory. Comes before the tests are imported."""

    class Rerouted(type):
        def __call__(cls, selector: object = None) -> asyncio.AbstractEventLoop:
            return factory(selector)

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, asyncio.AbstractEventLoop)

    asyncio.SelectorEventLoop = Rerouted("SelectorEventLoop", (), {})  # type: ignore[assignment]
    if hasattr(asyncio, "EventLoop"):
        asyncio.EventLoop = asyncio.SelectorEventLoop
    policy: Any = asyncio.DefaultEventLoopPolicy
    policy._loop_factory = staticmethod(factory)


def release_private_executor() -> None:
    """CPython's TestCase looks at `loop._default_executor` when a test is over; a loop need not have that."""
    utils = importlib.import_module("test.test_asyncio.utils")
    close_private = utils.TestCase.close_loop

    def close_loop(loop: asyncio.AbstractEventLoop) -> None:
        if hasattr(loop, "_default_executor"):
            close_private(loop)
            return
        if not loop.is_closed():
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    utils.TestCase.close_loop = staticmethod(close_loop)


def allow_memory() -> None:
    """Tests that want gigabytes are skipped by CPython unless somebody says that they may have them."""
    support = importlib.import_module("test.support")
    support.set_memlimit("4G")


class Reporter(unittest.TestResult):
    """A line of JSON for the start and for the end of each test."""

    def __init__(self, fd: int, limit: float, factory: CountedFactory) -> None:
        super().__init__()
        self.fd, self.limit, self.factory = fd, limit, factory
        self.outcome, self.detail = "passed", ""

    def send(self, event: str, name: str = "", **more: object) -> None:
        line = json.dumps({"event": event, "test": name, **more}) + "\n"
        os.write(self.fd, line.encode())

    def guard(self) -> None:
        """What takes longer than the limit ends this process, with a traceback on the standard error."""
        faulthandler.dump_traceback_later(self.limit, exit=True)

    def startTest(self, test: unittest.TestCase) -> None:
        self.guard()
        self.outcome, self.detail = "passed", ""
        self.send("start", test.id())

    def stopTest(self, test: unittest.TestCase) -> None:
        self.send("end", test.id(), outcome=self.outcome, detail=self.detail, loops=self.factory.count)
        self.factory.count = 0
        self.guard()

    def judge(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        if isinstance(test, unittest.TestCase):
            if self.outcome != "failed":
                self.outcome, self.detail = outcome, detail
        else:  # a setUpClass or a setUpModule, which no startTest announces
            self.send("end", test.id(), outcome=outcome, detail=detail, loops=0)

    def addError(self, test: unittest.TestCase, err: ExceptionInfo) -> None:
        self.judge(test, "failed", "".join(traceback.format_exception(*err)))

    def addFailure(self, test: unittest.TestCase, err: ExceptionInfo) -> None:
        self.addError(test, err)

    def addSubTest(
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: ExceptionInfo | None
    ) -> None:
        if err is not None:
            self.addError(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.judge(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: ExceptionInfo) -> None:
        pass

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.judge(test, "failed", "was expected to fail, and passed")


def flatten(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def select(suite: unittest.TestSuite, only: list[str] | None, done: list[str]) -> unittest.TestSuite:
    """The tests that are in one of `only` (None: all) and are not done yet."""
    wanted = None if only is None else tuple(f"{name}." for name in only)
    finished = set(done)
    return unittest.TestSuite(
        test
        for test in flatten(suite)
        if type(test).__name__ not in DUPLICATES
        and (wanted is None or f"{test.id()}.".startswith(wanted))
        and test.id() not in finished
    )


def main() -> None:
    order = json.loads(sys.stdin.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.set_inheritable(order["fd"], False)
    factory = CountedFactory(find_factory(order["loop"]))
    reporter = Reporter(order["fd"], order["limit"], factory)
    reporter.guard()
    reroute(factory)
    release_private_executor()
    allow_memory()
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(order["module"])
        select(suite, order["only"], order["done"]).run(reporter)
    except unittest.SkipTest as skip:
        reporter.send("end", order["module"], outcome="skipped", detail=str(skip), loops=0)
    reporter.send("over")


if __name__ == "__main__":
    main()
