# SPDX-License-Identifier: MIT
"""Many threads: call_soon_threadsafe from anywhere, a loop in each, and fairness to threads that compute."""

import asyncio
import threading
import time

import hoop
import pytest


def run_in_threads(functions: list[object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_each_call_from_other_threads_arrives_once_and_in_its_threads_order(loop: hoop.Loop) -> None:
    calls, threads = 5000, 4
    got: list[list[int]] = [[] for _ in range(threads)]
    left = threads

    def ended() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            loop.stop()

    def call(thread: int) -> None:
        for number in range(calls):
            loop.call_soon_threadsafe(got[thread].append, number)
            if number % 100 == 0:
                time.sleep(0.0001)  # so that the loop goes to sleep now and then
        loop.call_soon_threadsafe(ended)

    callers = [threading.Thread(target=call, args=(thread,)) for thread in range(threads)]
    for caller in callers:
        caller.start()
    loop.run_forever()
    for caller in callers:
        caller.join()
    assert got == [list(range(calls))] * threads


def test_no_wake_up_is_lost(loop: hoop.Loop) -> None:
    """Ping-pong with a thread: each call must wake a loop that is just about to sleep."""
    rounds = 3000
    answered = threading.Semaphore(0)
    asked = threading.Semaphore(0)

    def other() -> None:
        for _ in range(rounds):
            asked.acquire()
            loop.call_soon_threadsafe(answered.release)
        loop.call_soon_threadsafe(loop.stop)

    def driver() -> None:
        for _ in range(rounds):
            asked.release()
            assert answered.acquire(timeout=10)

    threads = [threading.Thread(target=other), threading.Thread(target=driver)]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()


def test_in_the_loops_own_thread_the_order_is_that_of_call_soon(loop: hoop.Loop) -> None:
    ran: list[int] = []

    def schedule() -> None:
        loop.call_soon_threadsafe(ran.append, 1)
        loop.call_soon(ran.append, 2)
        loop.call_soon_threadsafe(ran.append, 3)
        loop.call_soon(loop.stop)

    loop.call_soon(schedule)
    loop.run_forever()
    assert ran == [1, 2, 3]


def test_a_call_before_the_run_is_kept_for_it(loop: hoop.Loop) -> None:
    ran: list[int] = []
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(ran.append, 1))
    thread.start()
    thread.join()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_calls_before_the_run_keep_their_order_with_call_soon(loop: hoop.Loop) -> None:
    ran: list[int] = []
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(ran.append, 1))
    thread.start()
    thread.join()
    loop.call_soon(ran.append, 2)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [1, 2]


def test_a_closed_loop_refuses_calls(loop: hoop.Loop) -> None:
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_soon_threadsafe(print)


def test_many_loops_run_at_once_each_in_its_thread() -> None:
    results: list[int] = []

    async def work(number: int) -> int:
        for _ in range(50):
            await asyncio.sleep(0.0001)
        return number

    run_in_threads([lambda n=n: results.append(hoop.run(work(n))) for n in range(8)])
    assert sorted(results) == list(range(8))


def test_a_busy_loop_lets_other_threads_run(loop: hoop.Loop) -> None:
    """The loop does nothing but call a built-in function: no Python code that would let go of the lock by itself."""
    counted = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal counted
        while not ended.is_set():
            counted += 1
            time.sleep(0)

    def tick() -> None:
        if counted > 5 or time.monotonic() > deadline:
            loop.stop()
            return
        for _ in range(2000):
            loop.call_soon(len, ())
        loop.call_soon(tick)

    deadline = time.monotonic() + 20
    thread = threading.Thread(target=count)
    thread.start()
    loop.call_soon(tick)
    loop.run_forever()
    ended.set()
    thread.join()
    assert counted > 5


def test_debug_mode_tells_of_a_call_from_the_wrong_thread(loop: hoop.Loop) -> None:
    loop.set_debug(True)
    errors: list[RuntimeError] = []

    def call() -> None:
        try:
            loop.call_soon(print)
        except RuntimeError as error:
            errors.append(error)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=call)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert "Non-thread-safe operation" in str(errors[0])


WAITS = hasattr(asyncio.events, "_ThreadSafeHandle")


@pytest.mark.skipif(not WAITS, reason="cancel() does not wait before Python 3.14")
@pytest.mark.parametrize("method", ["cancel", "cancelled"])
def test_a_handle_of_another_thread_waits_for_a_callback_that_is_called_now(loop: hoop.Loop, method: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    def callback() -> None:
        begun.set()
        time.sleep(0.05)
        ended.set()

    def call() -> None:
        handle = loop.call_soon_threadsafe(callback)
        begun.wait()
        seen.append(getattr(handle, method)())
        seen.append(ended.is_set())
        loop.call_soon_threadsafe(loop.stop)

    seen: list[object] = []
    thread = threading.Thread(target=call)
    thread.start()
    loop.run_forever()
    thread.join()
    assert seen == [None if method == "cancel" else False, True]


def test_a_callback_of_another_thread_can_cancel_itself(loop: hoop.Loop) -> None:
    handles: list[asyncio.Handle] = []

    def callback() -> None:
        handles[0].cancel()
        seen.append(handles[0].cancelled())
        loop.stop()

    seen: list[bool] = []
    handles.append(loop.call_soon_threadsafe(callback))
    loop.run_forever()
    assert seen == [True]


def test_a_call_of_another_thread_can_be_cancelled_before_it_comes(loop: hoop.Loop) -> None:
    def call() -> None:
        handle = loop.call_soon_threadsafe(called.append, 1)
        handle.cancel()
        assert handle.cancelled()
        loop.call_soon_threadsafe(loop.stop)

    called: list[int] = []
    run_in_threads([call])
    loop.run_forever()
    assert called == []
