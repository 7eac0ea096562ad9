# SPDX-License-Identifier: MIT
"""Signals: the loop's handlers, Python's handlers while the loop waits, KeyboardInterrupt, and who gets them."""

import asyncio
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import hoop
import pytest

from programs import output_of


@pytest.fixture(autouse=True)
def dispositions() -> Iterator[None]:
    """Whatever a test does to signals is undone."""
    numbers = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGINT, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    assert signal.set_wakeup_fd(-1) == -1


def kill_later(number: int, delay: float = 0.05) -> threading.Thread:
    """Another thread sends a signal to the process, most likely while the loop waits."""
    thread = threading.Timer(delay, os.kill, (os.getpid(), number))
    thread.start()
    return thread


# ---- the loop's handlers ----


def test_a_handler_is_called_in_the_loop_with_its_arguments_and_context(loop: hoop.Loop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("when it was added")
    got: list[object] = []

    def handler(*args: object) -> None:
        got.append((args, variable.get(), asyncio.get_running_loop() is loop))
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handler, 1, "two")
    variable.set("afterwards")
    thread = kill_later(signal.SIGUSR1)
    loop.run_forever()
    thread.join()
    assert got == [((1, "two"), "when it was added", True)]


def test_each_signal_calls_its_handler_also_when_many_came_before_the_loop_looked(loop: hoop.Loop) -> None:
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "1")
    loop.add_signal_handler(signal.SIGUSR2, got.append, "2")

    def burst() -> None:
        for _ in range(2000):
            os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)

    loop.call_soon(burst)
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    assert got == ["1"] * 2000 + ["2"]


def test_a_signal_between_two_runs_is_handled_by_the_next_one(loop: hoop.Loop) -> None:
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "came")
    for expected in ([], ["came"], ["came", "came"]):
        loop.run_until_complete(asyncio.sleep(0.01))
        assert got == expected
        os.kill(os.getpid(), signal.SIGUSR1)


def test_a_new_handler_replaces_the_old_one_and_removing_it_restores_the_default(loop: hoop.Loop) -> None:
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "old")
    loop.add_signal_handler(signal.SIGUSR1, got.append, "new")
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert got == ["new"]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    loop.add_signal_handler(signal.SIGINT, got.append, "interrupt")
    assert loop.remove_signal_handler(signal.SIGINT) is True
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_raises_is_reported_and_the_loop_goes_on(loop: hoop.Loop) -> None:
    reports: list[dict[str, object]] = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    loop.add_signal_handler(signal.SIGUSR1, lambda: 1 / 0)
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.01))
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


def test_what_cannot_be_a_handler_is_refused(loop: hoop.Loop) -> None:
    async def coroutine_function() -> None: ...

    coroutine = coroutine_function()
    for bad in (coroutine_function, coroutine):
        with pytest.raises(TypeError, match=r"^coroutines cannot be used with add_signal_handler\(\)$"):
            loop.add_signal_handler(signal.SIGUSR1, bad)  # type: ignore[arg-type]
    coroutine.close()
    with pytest.raises(TypeError, match="^sig must be an int, not 'SIGINT'$"):
        loop.add_signal_handler("SIGINT", print)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^invalid signal number 1000$"):
        loop.add_signal_handler(1000, print)
    with pytest.raises(ValueError, match="^invalid signal number 1000$"):
        loop.remove_signal_handler(1000)
    with pytest.raises(RuntimeError, match="^sig 9 cannot be caught$"):
        loop.add_signal_handler(signal.SIGKILL.value, print)
    assert signal.set_wakeup_fd(-1) == -1
    loop.close()
    with pytest.raises(RuntimeError, match="^Event loop is closed$"):
        loop.add_signal_handler(signal.SIGUSR1, print)


def test_only_the_main_thread_can_add_handlers(loop: hoop.Loop) -> None:
    errors: list[str] = []

    def add() -> None:
        try:
            loop.add_signal_handler(signal.SIGUSR1, print)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    assert errors == ["set_wakeup_fd only works in main thread of the main interpreter"]
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_closing_the_loop_removes_its_handlers(loop: hoop.Loop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1


def test_sigchld_may_be_handled_and_no_child_is_reaped_by_the_loop(loop: hoop.Loop) -> None:
    loop.add_signal_handler(signal.SIGCHLD, loop.stop)
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    loop.run_forever()
    assert child.wait() == 3


def test_system_calls_that_a_handled_signal_interrupts_go_on(loop: hoop.Loop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, print)
    program = f"import os, time; time.sleep(0.1); os.kill({os.getpid()}, {signal.SIGUSR1.value})"
    child = subprocess.Popen([sys.executable, "-c", program])
    _, status = os.waitpid(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0


# ---- Python's handlers ----


def test_a_python_handler_runs_at_once_while_the_loop_waits(loop: hoop.Loop) -> None:
    times: list[float] = []

    def handler(number: int, frame: object) -> None:
        times.append(time.monotonic())
        loop.stop()

    signal.signal(signal.SIGUSR1, handler)
    loop.call_later(10, loop.stop)
    start = time.monotonic()
    thread = kill_later(signal.SIGUSR1, 0.1)
    loop.run_forever()
    thread.join()
    assert 0.1 <= times[0] - start < 2


def test_an_exception_of_a_python_handler_ends_the_run_and_the_loop_can_go_on(loop: hoop.Loop) -> None:
    class Alarm(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Alarm

    reports: list[object] = []
    loop.set_exception_handler(lambda loop, context: reports.append(context))
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    sleeping = loop.create_task(asyncio.sleep(0.2, "slept"))
    with pytest.raises(Alarm):
        loop.run_forever()
    assert not sleeping.done()
    assert loop.run_until_complete(sleeping) == "slept"
    assert reports == []


def test_a_handler_is_called_while_only_c_callbacks_run(loop: hoop.Loop) -> None:
    # Neither bytecode, where the interpreter looks for signals itself, nor a wait.
    signal.signal(signal.SIGUSR1, lambda number, frame: loop.stop())
    loop.add_signal_handler(signal.SIGUSR2, print)

    def busy() -> None:
        loop.call_soon(loop.call_soon, loop.call_soon, busy)

    loop.call_soon(busy)
    thread = kill_later(signal.SIGUSR1)
    loop.run_forever()
    thread.join()


def test_keyboard_interrupt_ends_asyncio_run_and_cancels_the_main_task() -> None:
    program = """
        import asyncio, hoop, os, signal, threading
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

        async def main():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("cancelled")
                raise

        try:
            hoop.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.set_wakeup_fd(-1))
    """
    assert output_of(program) == "cancelled\ninterrupted\nTrue -1\n"


def test_a_second_interrupt_ends_a_program_that_will_not_be_cancelled() -> None:
    program = """
        import asyncio, hoop, os, signal, threading
        for delay in (0.1, 0.3):
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()

        async def main():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("not yet")
                await asyncio.sleep(60)

        try:
            hoop.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert output_of(program) == "not yet\ninterrupted\n"


def test_keyboard_interrupt_leaves_run_forever_without_a_runner() -> None:
    program = """
        import hoop, os, signal, threading
        loop = hoop.new_event_loop()
        ran = []
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            print("interrupted", loop.is_running())
        loop.call_soon(ran.append, 1)
        loop.call_soon(loop.stop)
        loop.run_forever()
        print(ran)
        loop.close()
    """
    assert output_of(program) == "interrupted False\n[1]\n"


def test_no_signal_is_lost_whatever_the_loop_is_doing() -> None:
    # One signal after the other, each as soon as the one before was seen: each may meet the loop at
    # any point between two waits.
    program = """
        import asyncio, hoop, os, signal
        seen = 0
        reading, writing = os.pipe()

        def python_handler(number, frame):
            global seen
            seen += 1
            os.write(writing, b"x")

        async def main():
            loop = asyncio.get_running_loop()
            got = loop.create_future()
            loop_seen = 0

            def loop_handler():
                nonlocal loop_seen
                loop_seen += 1
                os.write(writing, b"x")
                if loop_seen == 600:
                    got.set_result(None)

            loop.add_signal_handler(signal.SIGUSR2, loop_handler)
            signal.signal(signal.SIGUSR1, python_handler)
            parent = os.getpid()
            child = os.fork()
            if child == 0:
                os.close(writing)
                for _ in range(600):
                    os.kill(parent, signal.SIGUSR1)
                    assert os.read(reading, 1)
                    os.kill(parent, signal.SIGUSR2)
                    assert os.read(reading, 1)
                os._exit(0)
            await asyncio.wait_for(got, 50)
            os.waitpid(child, 0)
            print(seen, loop_seen)

        hoop.run(main())
    """
    assert output_of(program, timeout=30) == "600 600\n"


# ---- who gets them ----


def test_the_wakeup_descriptor_of_before_is_restored_and_hears_of_signals(loop: hoop.Loop) -> None:
    mine, other = socket.socketpair()
    with mine, other:
        mine.setblocking(False)
        signal.set_wakeup_fd(mine.fileno())
        signal.signal(signal.SIGUSR1, lambda number, frame: loop.stop())
        thread = kill_later(signal.SIGUSR1)
        loop.run_forever()
        thread.join()
        assert other.recv(10) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(-1) == mine.fileno()


def test_two_loops_take_turns(loop: hoop.Loop) -> None:
    second = hoop.new_event_loop()
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "first")
    second.add_signal_handler(signal.SIGUSR2, got.append, "second")
    # Each signal is for the loop that has a handler for it, whichever of them runs.
    for running in (loop, second, loop):
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        running.run_until_complete(asyncio.sleep(0.01))
    loop.run_until_complete(asyncio.sleep(0.01))
    second.run_until_complete(asyncio.sleep(0.01))
    assert sorted(got) == ["first"] * 3 + ["second"] * 3
    second.close()


def test_a_loop_closed_while_another_one_runs_takes_nothing_along(loop: hoop.Loop) -> None:
    second = hoop.new_event_loop()
    loop.add_signal_handler(signal.SIGUSR1, print)
    got: list[str] = []

    async def main() -> None:
        second.add_signal_handler(signal.SIGUSR2, got.append, "came")
        loop.close()
        os.kill(os.getpid(), signal.SIGUSR2)
        await asyncio.sleep(0.01)

    second.run_until_complete(main())
    assert got == ["came"]
    second.close()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_loop_in_another_thread_leaves_signals_alone() -> None:
    seen: list[int] = []
    in_thread = hoop.new_event_loop()
    ready = threading.Event()

    def run() -> None:
        in_thread.call_soon(ready.set)
        in_thread.run_forever()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    assert signal.set_wakeup_fd(-1) == -1
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == [signal.SIGUSR1]
    in_thread.call_soon_threadsafe(in_thread.stop)
    thread.join()
    in_thread.close()


def test_a_closed_loop_leaves_no_descriptor_behind() -> None:
    def use_one() -> None:
        loop = hoop.new_event_loop()
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    gc.collect()
    before = os.listdir("/proc/self/fd")
    use_one()
    gc.collect()
    assert os.listdir("/proc/self/fd") == before
