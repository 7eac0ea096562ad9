# SPDX-License-Identifier: MIT
"""pytest-asyncio: a run of pytest inside of each test, whose passes and failures are counted."""

import sys

import pytest

from loops import LoopKind

BY_HOOK = """
import {loop}

def pytest_asyncio_loop_factories(config, item):
    return {{"{loop}": {loop}.new_event_loop}}
"""

BY_POLICY = """
import {loop}, pytest

@pytest.fixture(scope="session")
def event_loop_policy():
    return {loop}.{policy}()
"""

TESTS = """
import asyncio
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio


def name():
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest_asyncio.fixture
async def server():
    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()
    assert name() == "{loop}"


async def test_passes(server):
    assert name() == "{loop}"
    reader, writer = await asyncio.open_connection(*server)
    writer.write(b"hello\\n")
    assert await reader.read() == b"HELLO\\n"
    writer.close()
    await writer.wait_closed()


async def test_fails():
    await asyncio.sleep(0)
    assert name() == "another"


async def test_raises():
    async with asyncio.timeout(0.01):
        await asyncio.sleep(60)


@pytest.mark.parametrize("number", range(5))
async def test_many(number):
    assert await asyncio.to_thread(lambda: number) == number


@pytest.mark.asyncio(loop_scope="class")
class TestOneLoop:
    async def test_first(self):
        TestOneLoop.loop = asyncio.get_running_loop()

    async def test_second(self):
        assert TestOneLoop.loop is asyncio.get_running_loop()


@pytest.mark.xfail
async def test_expected_to_fail():
    await asyncio.sleep(0)
    raise ValueError


@pytest_asyncio.fixture
async def broken():
    await asyncio.sleep(0)
    raise ValueError("broken on purpose")


async def test_with_a_broken_fixture(broken):
    pass
"""

COUNTS = {"passed": 8, "failed": 2, "errors": 1, "xfailed": 1}


def run(pytester: pytest.Pytester, conftest: str, loop: LoopKind) -> None:
    pytester.makeconftest(conftest)
    pytester.makepyfile(TESTS.replace("{loop}", loop.name))
    # -p overrides the "no:asyncio" that the outer run is started with.
    result = pytester.runpytest_subprocess("-p", "pytest_asyncio", "-p", "no:cacheprovider", timeout=60)
    result.assert_outcomes(**COUNTS)
    result.stdout.fnmatch_lines([f"*assert '{loop.name}' == 'another'*", "*TimeoutError*"])


def test_loop_factories(pytester: pytest.Pytester, loop: LoopKind) -> None:
    run(pytester, BY_HOOK.format(loop=loop.name), loop)


@pytest.mark.skipif(sys.version_info >= (3, 16), reason="Python has no policies any more")
def test_event_loop_policy(pytester: pytest.Pytester, loop: LoopKind) -> None:
    policy = "DefaultEventLoopPolicy" if loop.name == "asyncio" else "EventLoopPolicy"
    run(pytester, BY_POLICY.format(loop=loop.name, policy=policy), loop)
