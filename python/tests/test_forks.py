# SPDX-License-Identifier: MIT
"""os.fork() in a process that has loops: no loop runs in the child, and the parent's notices nothing."""

import sys

import pytest

from programs import output_of

# What each program begins with. TRAFFIC is a loop in full use: readers, timers, signals, a thread; check() tells
# whether it still works after what the child did.
PRELUDE = """
import asyncio, hoop, os, signal, socket, sys, threading

def end_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

class Traffic:
    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.ours, self.theirs = socket.socketpair()
        self.got = bytearray()
        self.loop.add_reader(self.ours, lambda: self.got.extend(self.ours.recv(100)))
        self.signals = 0
        self.loop.add_signal_handler(signal.SIGUSR1, self.signalled)

    def signalled(self):
        self.signals += 1

    async def check(self):
        self.theirs.send(b"x")
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.to_thread(int)
        await asyncio.sleep(0.02)
        return (bytes(self.got), self.signals) == (b"x", 1)
"""

CHILDREN = {
    "exits": "os._exit(0)",
    "runs another loop": """
        async def other():
            reader, writer = await asyncio.open_connection(sock=traffic_of_child()[0])
            writer.write(b"echo")
            assert await reader.readexactly(4) == b"echo"
            writer.close()
            await asyncio.to_thread(int)
            process = await asyncio.create_subprocess_exec("true")
            return await process.wait()

        def traffic_of_child():
            one, two = socket.socketpair()
            def echo():
                two.send(two.recv(10))
            threading.Thread(target=echo).start()
            return one, two

        assert hoop.run(other()) == 0
        os._exit(0)
    """,
    "takes its copy apart": """
        traffic.loop.remove_reader(traffic.ours)
        traffic.loop.remove_signal_handler(signal.SIGUSR1)
        traffic.ours.close()
        traffic.theirs.close()
        os._exit(0)
    """,
    "gets signals": """
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, lambda number, frame: None)
        os.kill(os.getpid(), signal.SIGUSR1)
        os._exit(0)
    """,
    "goes on in its copy": """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            os._exit(1)
        # Python 3.14 complains of a task that ends where no loop is said to run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return True
    """,
    "ends through the interpreter's finalization": "sys.exit(0)",
    "raises": """
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        raise KeyError
    """,
}


def indented(code: str, columns: int) -> str:
    import textwrap

    return textwrap.indent(textwrap.dedent(code).strip("\n"), " " * columns)


@pytest.mark.parametrize("what", CHILDREN)
@pytest.mark.parametrize("poller", ["epoll", "uring"])
def test_the_parent_is_undisturbed_if_the_child(what: str, poller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info >= (3, 14) and "finalization" in what:
        pytest.skip("from Python 3.14 on such a child does not end, on asyncio's own loop neither")
    monkeypatch.setenv("HOOP_POLLER", poller)
    program = f"""{PRELUDE}
async def main():
    traffic = Traffic()
    pid = os.fork()
    if pid == 0:
{indented(CHILDREN[what], 8)}
    code = await asyncio.to_thread(end_of, pid)
    assert code == {what == "raises":d}, code
    return await traffic.check()

sys.stdout.write(f"{{hoop.run(main())}} ")
"""
    told = output_of(program)
    # A child that goes on in its copy prints, too.
    assert told in ({"True True "} if what == "goes on in its copy" else {"True "}), told


def test_a_loop_that_is_not_running_can_be_run_in_both() -> None:
    program = f"""{PRELUDE}
loop = hoop.new_event_loop()
loop.run_until_complete(asyncio.sleep(0))
ran = []
loop.call_soon(ran.append, "before the fork")
pid = os.fork()
for _ in range(3):
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.run_until_complete(loop.run_in_executor(None, int))
assert ran == ["before the fork"]
loop.close()
if pid != 0:
    print(end_of(pid))
"""
    assert output_of(program) == "0\n"


def test_the_loop_of_another_thread_is_stopped_in_the_child() -> None:
    program = f"""{PRELUDE}
loop = hoop.new_event_loop()
running = threading.Event()
loop.call_soon(running.set)
thread = threading.Thread(target=loop.run_forever)
thread.start()
running.wait()
pid = os.fork()
if pid == 0:
    assert not loop.is_running()
    loop.close()
    assert hoop.run(asyncio.sleep(0.01, "slept")) == "slept"
    os._exit(0)
assert end_of(pid) == 0
assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01, "still runs"), loop).result(5) == "still runs"
loop.call_soon_threadsafe(loop.stop)
thread.join()
loop.close()
print("done")
"""
    assert output_of(program, "-W", "ignore::DeprecationWarning") == "done\n"


def test_a_fork_in_a_thread_while_the_loop_runs() -> None:
    program = f"""{PRELUDE}
def fork():
    pid = os.fork()
    if pid == 0:
        hoop.run(asyncio.sleep(0))
        os._exit(0)
    return end_of(pid)

async def main():
    traffic = Traffic()
    assert await asyncio.gather(*(asyncio.to_thread(fork) for _ in range(20))) == [0] * 20
    return await traffic.check()

print(hoop.run(main()))
"""
    assert output_of(program, "-W", "ignore::DeprecationWarning") == "True\n"


def test_a_signal_at_the_moment_of_the_fork_is_not_told_to_the_parent() -> None:
    # To the whole group of processes, all the time: the parent gets each once, and what the children get is theirs.
    program = f"""{PRELUDE}
os.setpgid(0, 0)

async def main():
    loop = asyncio.get_running_loop()
    numbers = set()
    seen = 0

    def handler():
        nonlocal seen
        seen += 1

    loop.add_signal_handler(signal.SIGUSR2, handler)
    sent = 0
    for _ in range(300):
        pid = os.fork()
        if pid == 0:
            # What comes in here writes to nobody's pipe, but for the child's own.
            for _ in range(10):
                os.kill(os.getpid(), signal.SIGUSR2)
            os._exit(0)
        os.kill(pid, signal.SIGUSR2)
        assert end_of(pid) == 0
    await asyncio.sleep(0.02)
    return seen

print(hoop.run(main()))
"""
    assert output_of(program) == "0\n"


def test_multiprocessing_by_fork_from_a_running_loop() -> None:
    program = f"""{PRELUDE}
import concurrent.futures, multiprocessing

def job(number):
    return hoop.run(asyncio.sleep(0.01, number * 2))

async def main():
    traffic = Traffic()
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as pool:
        results = await asyncio.gather(*(traffic.loop.run_in_executor(pool, job, n) for n in range(20)))
    assert results == [n * 2 for n in range(20)]
    return await traffic.check()

print(hoop.run(main()))
"""
    assert output_of(program, "-W", "ignore::DeprecationWarning") == "True\n"
