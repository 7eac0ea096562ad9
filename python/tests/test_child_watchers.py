# SPDX-License-Identifier: MIT
"""Child processes while a program has set one of asyncio's child watchers, which Python 3.14 has no more."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import hoop
import pytest

pytestmark = [
    pytest.mark.skipif(sys.version_info >= (3, 14), reason="has no child watchers"),
    pytest.mark.filterwarnings("ignore:.*[cC]hild_?[wW]atcher:DeprecationWarning"),
]

OLD_ASYNCIO: Any = asyncio  # with what type checkers do not find in the latest Python's


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = hoop.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    OLD_ASYNCIO.set_child_watcher(None)
    asyncio.set_event_loop(None)
    loop.close()


def set_watcher(name: str) -> Any:
    watcher = getattr(OLD_ASYNCIO, name)()
    OLD_ASYNCIO.set_child_watcher(watcher)
    return watcher


@pytest.mark.parametrize("name", ["SafeChildWatcher", "FastChildWatcher", "ThreadedChildWatcher", "PidfdChildWatcher"])
def test_the_status_of_a_child_is_its_own_whatever_watcher_is_set(loop: asyncio.AbstractEventLoop, name: str) -> None:
    set_watcher(name).attach_loop(loop)

    async def run(status: int) -> int | None:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", f"raise SystemExit({status})")
        return await child.wait()

    async def run_some() -> list[int | None]:
        return await asyncio.gather(*(run(status) for status in range(5)))

    assert loop.run_until_complete(run_some()) == list(range(5))


def test_no_child_is_started_with_a_watcher_that_is_attached_to_no_loop(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not set_watcher("SafeChildWatcher").is_active()

    def start(*args: Any, **keywords: Any) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(RuntimeError, match=r"get_child_watcher\(\) is not activated"):
        loop.run_until_complete(asyncio.create_subprocess_exec("true"))


def test_a_policy_without_watchers_is_as_good(loop: asyncio.AbstractEventLoop) -> None:
    class Policy(OLD_ASYNCIO.AbstractEventLoopPolicy):  # type: ignore[misc]
        pass

    async def run() -> int:
        child = await asyncio.create_subprocess_exec("true")
        return await child.wait()

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        assert loop.run_until_complete(run()) == 0
    finally:
        asyncio.set_event_loop_policy(before)
