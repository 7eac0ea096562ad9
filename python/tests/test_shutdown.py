# SPDX-License-Identifier: MIT
"""The end of the interpreter while loops are in any state: no crash, and the exit status is the program's.

Each program also runs on asyncio's own loop, which shows that the program itself is right.
"""

import sys
import textwrap

import pytest
from programs import run_program

KINDS = {"hoop": "import hoop; new_loop = hoop.new_event_loop", "asyncio": "new_loop = asyncio.SelectorEventLoop"}
# How an interpreter says that something went wrong in its end; a task that is destroyed says less.
COMPLAINTS = ("Traceback", "Exception ignored", "Fatal", "Sanitizer", "never awaited")

pytestmark = [
    pytest.mark.parametrize("kind", KINDS),
    pytest.mark.parametrize("options", [(), ("-X", "dev")], ids=["", "dev"]),
]


def run(kind: str, options: tuple[str, ...], program: str) -> tuple[str, str]:
    """The exit status with what PROGRAM printed, and complaints; asyncio's own loop, which has some, is let off."""
    code = f"import asyncio, sys\n{KINDS[kind]}\n{textwrap.dedent(program)}"
    # What is not closed is reported in development mode; that is not what these tests are about.
    done = run_program(code, *options, "-W", "ignore::ResourceWarning")
    complained = kind == "hoop" and any(word in done.stderr for word in COMPLAINTS)
    return f"{done.returncode} {done.stdout}", done.stderr if complained else ""


LIVE = """
    async def wait():
        try:
            await asyncio.sleep(1000)
        finally:
            held.append(1)

    held = []
    loop = new_loop()
    tasks = [loop.create_task(wait(), name=f"task {number}") for number in range(10)]
    loop.call_later(1000, held.append, loop)
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.call_soon(print, "never")
    loop.call_soon_threadsafe(held.append, tasks)
    loop.set_exception_handler(lambda *_: None)
"""


def test_live_tasks_timers_and_callbacks(kind: str, options: tuple[str, ...]) -> None:
    assert run(kind, options, LIVE + "    print('end')") == ("0 end\n", "")


def test_live_tasks_of_a_loop_that_was_closed(kind: str, options: tuple[str, ...]) -> None:
    assert run(kind, options, LIVE + "    loop.close(); print('end')") == ("0 end\n", "")


def test_loops_in_cycles_and_in_other_modules(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import builtins, json
        for module in (builtins, json, asyncio, sys):
            module.kept = new_loop()
            module.kept.self = module.kept
            module.kept.call_soon(print, module.kept)
            module.kept.call_later(1000, print, module.kept)
        print("end")
    """
    assert run(kind, options, program) == ("0 end\n", "")


@pytest.mark.parametrize("schedule", ["call_soon(", "call_later(0.01, ", "call_soon_threadsafe("])
def test_a_callback_leaves_the_program(kind: str, options: tuple[str, ...], schedule: str) -> None:
    program = f"""
        loop = new_loop()
        task = loop.create_task(asyncio.sleep(0))
        loop.{schedule}sys.exit, 3)
        loop.{schedule}print, "never")
        loop.run_forever()
        print("never")
    """
    assert run(kind, options, program) == ("3 ", "")


def test_a_task_leaves_the_program(kind: str, options: tuple[str, ...]) -> None:
    program = """
        async def leave():
            await asyncio.sleep(0.01)
            sys.exit(4)

        async def main():
            task = asyncio.ensure_future(asyncio.sleep(1000))
            try:
                await leave()
            finally:
                print("cleaned up")

        loop = new_loop()
        loop.run_until_complete(main())
    """
    assert run(kind, options, program) == ("4 cleaned up\n", "")


def test_a_callback_ends_the_process_at_once(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import os
        loop = new_loop()
        loop.call_later(1000, print)
        loop.call_later(0.01, os._exit, 5)
        loop.run_forever()
    """
    assert run(kind, options, program) == ("5 ", "")


def test_an_uncaught_exception_with_everything_alive(kind: str, options: tuple[str, ...]) -> None:
    status, complaints = run(kind, options, LIVE + "    raise LookupError('of the test')")
    assert status == "1 "
    if kind == "hoop":
        assert complaints.rstrip().splitlines()[-1] == "LookupError: of the test"
        assert complaints.count("Traceback") == 1 and "Exception ignored" not in complaints


# ---- threads ----

DAEMON = """
    import threading, time

    def run(started):
        asyncio.set_event_loop(loop)
        loop.call_soon(started.set)
        loop.run_forever()

    loop = new_loop()
    started = threading.Event()
    thread = threading.Thread(target=run, args=(started,), daemon=True)
    thread.start()
    started.wait()
"""


def test_a_daemon_thread_runs_an_idle_loop(kind: str, options: tuple[str, ...]) -> None:
    assert run(kind, options, DAEMON + "    print('end')") == ("0 end\n", "")


@pytest.mark.parametrize("interval", [0, 0.0001, 0.001])
def test_a_daemon_thread_runs_a_busy_loop(kind: str, options: tuple[str, ...], interval: float) -> None:
    program = f"""
        def again(loop=loop):
            loop.call_later({interval}, again)
            loop.call_soon(int)

        async def work():
            while True:
                await asyncio.sleep({interval})

        loop.call_soon_threadsafe(again)
        asyncio.run_coroutine_threadsafe(work(), loop)
        time.sleep(0.05)
        print("end")
    """
    assert run(kind, options, DAEMON + textwrap.indent(textwrap.dedent(program), "    ")) == ("0 end\n", "")


def test_daemon_threads_post_until_the_end(kind: str, options: tuple[str, ...]) -> None:
    program = """
        def post(loop=loop):
            while True:
                loop.call_soon_threadsafe(int)
                time.sleep(0)

        for _ in range(4):
            threading.Thread(target=post, daemon=True).start()
        time.sleep(0.05)
        print("end")
    """
    assert run(kind, options, DAEMON + textwrap.indent(textwrap.dedent(program), "    ")) == ("0 end\n", "")


def test_a_thread_posts_while_the_loop_is_closed(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import threading

        def post():
            try:
                while True:
                    loop.call_soon_threadsafe(kept.append, object())
            except RuntimeError as error:
                errors.append(str(error))

        kept, errors = [], []
        loop = new_loop()
        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        loop.run_until_complete(asyncio.sleep(0.02))
        loop.close()
        for thread in threads:
            thread.join()
        print(*errors, sep="\\n")
    """
    assert run(kind, options, program) == ("0 " + "Event loop is closed\n" * 3, "")


def test_jobs_in_executors_at_the_end(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import time
        loop = new_loop()
        loop.run_in_executor(None, time.sleep, 0.05)
        loop.run_until_complete(asyncio.sleep(0))
        print("end")
    """
    assert run(kind, options, program) == ("0 end\n", "")


def test_loops_that_threads_leave_behind(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import threading

        def run():
            loop = new_loop()
            asyncio.set_event_loop(loop)
            loop.call_later(1000, print, loop)
            loop.run_until_complete(asyncio.sleep(0))
            left.append(loop)
            local.loop = loop

        left, local = [], threading.local()
        threads = [threading.Thread(target=run) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left[0].run_until_complete(asyncio.sleep(0))
        del left[1:]
        print("end")
    """
    assert run(kind, options, program) == ("0 end\n", "")


# ---- what runs while the interpreter ends ----


def test_finalizers_that_schedule(kind: str, options: tuple[str, ...]) -> None:
    program = """
        class Late:
            def __init__(self, loop):
                self.loop, self.closed = loop, RuntimeError
            def __call__(self, *_):
                pass
            def __del__(self):
                for schedule in (self.loop.call_soon, lambda it: self.loop.call_later(1, it),
                                 self.loop.call_soon_threadsafe):
                    try:
                        schedule(int)
                    except self.closed:
                        pass

        def fill(loop):
            loop.call_soon(Late(loop))
            loop.call_soon(id, Late(loop))
            loop.call_later(1000, Late(loop), 1)
            loop.call_soon_threadsafe(Late(loop))
            loop.create_future().add_done_callback(Late(loop))
            return loop

        fill(new_loop()).close()
        fill(new_loop())
        kept = fill(new_loop())
        kept.run_until_complete(asyncio.sleep(0))
        fill(kept)
        print("end")
    """
    assert run(kind, options, program) == ("0 end\n", "")


def test_a_loop_runs_in_atexit(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import atexit, weakref

        def run(loop):
            loop.run_until_complete(asyncio.sleep(0.01))
            print("ran", loop.is_running())

        first = new_loop()
        class Owner: pass
        owner = Owner()
        weakref.finalize(owner, run, first)
        atexit.register(run, first)
        atexit.register(lambda: run(new_loop()))
        sys.exit(7)
    """
    assert run(kind, options, program) == ("7 ran False\nran False\nran False\n", "")


def test_a_loop_runs_in_a_finalizer_at_the_end(kind: str, options: tuple[str, ...]) -> None:
    program = """
        class Owner:
            def __init__(self):
                self.loop, self.sleep, self.print = new_loop(), asyncio.sleep, print
                self.loop.set_debug(False)  # tracebacks need modules, which are gone by then
            def __del__(self):
                self.print("ran", self.loop.run_until_complete(self.sleep(0.01, 1)))

        owner = Owner()
        owner.self = owner
    """
    assert run(kind, options, program) == ("0 ran 1\n", "")


def test_the_end_inside_a_callback_of_a_nested_frame(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import threading
        def deep(level):
            if level == 0:
                raise SystemExit(9)
            deep(level - 1)

        loop = new_loop()
        loop.call_soon(deep, 50)
        loop.call_soon(print, "next")
        try:
            loop.run_forever()
        except SystemExit as leaving:
            loop.call_soon(loop.stop)
            loop.run_forever()
            raise
    """
    assert run(kind, options, program) == ("9 next\n", "")


# ---- with the kernel's things ----


def test_open_connections_and_servers(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import signal

        async def serve(reader, writer):
            writer.write(bytes(1_000_000))
            await reader.read()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            kept.append(server)
            for _ in range(5):
                kept.append(await asyncio.open_connection(*server.sockets[0].getsockname()))
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.add_reader(0, print)
            kept.append(asyncio.ensure_future(kept[-1][0].readexactly(10_000_000)))
            await asyncio.sleep(0.05)

        kept = []
        loop = new_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.run_until_complete(main())
        print("end")
    """
    # epoll refuses /dev/null, which is the standard input here.
    program = program.replace("loop.add_reader(0, print)", "loop.add_reader(__import__('os').pipe()[0], print)")
    assert run(kind, options, program) == ("0 end\n", "")


def test_a_child_process_of_fork_leaves(kind: str, options: tuple[str, ...]) -> None:
    program = """
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)

        def fork():
            child = os.fork()
            if child == 0:
                sys.exit(11)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            loop.call_later(0.01, loop.stop)

        statuses = []
        loop = new_loop()
        loop.call_later(1000, print)
        loop.call_soon(fork)
        loop.run_forever()
        print(statuses)
    """
    assert run(kind, options, program) == ("0 [11]\n", "")


# ---- several interpreters ----


def test_an_interpreter_in_the_interpreter_runs_a_loop_and_ends(kind: str, options: tuple[str, ...]) -> None:
    program = f"""
        from test.support import import_helper, run_in_subinterp
        code = '''if True:
            import asyncio
            {KINDS[kind]}
            loop = new_loop()
            print(loop.run_until_complete(asyncio.sleep(0.01, "slept")))
            loop.call_later(1000, print, loop)
            left = new_loop()
            left.create_future().add_done_callback(print)
            left.call_soon(print, left)
        '''
        print(run_in_subinterp(code))
        loop = new_loop()
        loop.call_soon(run_in_subinterp, "print('inside')")
        loop.run_until_complete(asyncio.sleep(0.01))
        print(run_in_subinterp(code))
        print("end")
    """
    assert run(kind, options, program) == ("0 slept\n0\ninside\nslept\n0\nend\n", "")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python has one lock for all interpreters")
def test_an_interpreter_with_a_lock_of_its_own(kind: str, options: tuple[str, ...]) -> None:
    program = f"""
        try:
            import _interpreters as interpreters
            execute = lambda it, code: interpreters.exec(it, code)
        except ImportError:
            import _xxsubinterpreters as interpreters
            execute = interpreters.run_string
        import threading
        code = '''if True:
            import asyncio
            {KINDS[kind]}
            loop = new_loop()
            for _ in range(100):
                loop.run_until_complete(asyncio.sleep(0.0001))
            loop.call_later(1000, print, loop)
        '''
        def run():
            interpreter = interpreters.create()
            error = execute(interpreter, code)
            if error:
                print(error)
            interpreters.destroy(interpreter)
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        loop = new_loop()
        loop.run_until_complete(asyncio.sleep(0.05))
        for thread in threads:
            thread.join()
        print("end")
    """
    assert run(kind, options, program) == ("0 end\n", "")
