# SPDX-License-Identifier: MIT
"""anyio on its asyncio backend: task groups, cancel scopes, threads, sockets, processes, signals."""

import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import PIPE, CalledProcessError
from typing import TypeVar

import anyio
import pytest
from anyio import from_thread, to_process, to_thread
from anyio.abc import SocketAttribute, SocketStream, TaskStatus, UNIXSocketStream
from anyio.streams.tls import TLSAttribute, TLSListener, TLSStream

from conftest import Certificates
from loops import LoopKind, running_loop

T = TypeVar("T")


def test_anyio_run(loop: LoopKind) -> None:
    async def program(word: str) -> tuple[str, str]:
        await anyio.sleep(0)
        return word, running_loop()

    assert anyio.run(program, "hello", backend_options={"loop_factory": loop.new_event_loop}) == ("hello", loop.name)


# ---- Tasks and cancel scopes


async def test_task_group_waits_for_its_tasks() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await anyio.sleep(0.01 * (number % 3))
        done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(work, number)
    assert sorted(done) == list(range(30))


async def test_a_failure_cancels_the_group() -> None:
    cancelled: list[int] = []

    async def wait(number: int) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            cancelled.append(number)
            raise

    async def fail() -> None:
        await anyio.sleep(0.01)
        raise ValueError("on purpose")

    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(wait, number)
            group.start_soon(fail)
    assert [repr(error) for error in caught.value.exceptions] == ["ValueError('on purpose')"]
    assert sorted(cancelled) == [0, 1, 2]


async def test_start_waits_until_a_task_is_ready() -> None:
    async def serve(*, task_status: TaskStatus[int]) -> None:
        await anyio.sleep(0.01)
        task_status.started(42)
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        assert await group.start(serve) == 42
        group.cancel_scope.cancel()


async def test_move_on_and_fail_after() -> None:
    with anyio.move_on_after(0.02) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.02):
            await anyio.sleep_forever()


async def test_nested_scopes() -> None:
    """Only the outer scope's time is up; what is shielded goes on."""
    shielded = False
    with anyio.move_on_after(0.02) as outer:
        with anyio.move_on_after(10) as inner:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.05)
                shielded = True
            await anyio.sleep_forever()
    assert shielded
    assert outer.cancelled_caught and not inner.cancelled_caught


async def test_cancellation_is_delivered_again_and_again() -> None:
    """A task that swallows a cancellation meets it at its next wait: anyio's scopes are levels, not edges."""
    met = 0
    with anyio.CancelScope() as scope:
        scope.cancel()
        for _ in range(5):
            try:
                await anyio.sleep(0)
            except anyio.get_cancelled_exc_class():
                met += 1
    assert met == 5


async def test_running_tasks_are_known() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever, name="the sleeper")
        await anyio.wait_all_tasks_blocked()
        names = [task.name for task in anyio.get_running_tasks()]
        group.cancel_scope.cancel()
    assert "the sleeper" in names
    assert anyio.get_current_task().id in [task.id for task in anyio.get_running_tasks()]


async def test_locks_and_streams_of_objects() -> None:
    received: list[int] = []
    limiter = anyio.CapacityLimiter(2)
    send, receive = anyio.create_memory_object_stream[int](4)

    async def produce(first: int) -> None:
        async with limiter, send.clone() as mine:
            for number in range(first, first + 100):
                await mine.send(number)

    async def consume() -> None:
        async with receive:
            async for number in receive:
                received.append(number)

    async with anyio.create_task_group() as group:
        group.start_soon(consume)
        async with send:
            for part in range(5):
                group.start_soon(produce, part * 100)
            await anyio.wait_all_tasks_blocked()
    assert sorted(received) == list(range(500))


# ---- Threads


async def test_functions_run_in_threads() -> None:
    def where() -> int:
        return threading.get_ident()

    assert await to_thread.run_sync(where) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await to_thread.run_sync(lambda: 1 / 0)


async def test_fifty_threads_call_back() -> None:
    async def double(number: int) -> int:
        await anyio.sleep(0)
        return number * 2

    doubled: list[int] = []

    async def work(number: int) -> None:
        doubled.append(await to_thread.run_sync(from_thread.run, double, number))

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(work, number)
    assert sorted(doubled) == [number * 2 for number in range(50)]


async def test_a_thread_is_abandoned() -> None:
    release = threading.Event()
    with anyio.move_on_after(0.02) as scope:
        await to_thread.run_sync(release.wait, 30, abandon_on_cancel=True)
    release.set()
    assert scope.cancelled_caught


async def test_a_thread_notices_its_cancellation() -> None:
    def work() -> None:
        while True:
            from_thread.check_cancelled()
            time.sleep(0.001)

    with anyio.move_on_after(0.02) as scope:
        await to_thread.run_sync(work)
    assert scope.cancelled_caught


def test_a_portal_from_threads(loop: LoopKind) -> None:
    async def name() -> str:
        await anyio.sleep(0)
        return running_loop()

    options = {"loop_factory": loop.new_event_loop}
    with from_thread.start_blocking_portal("asyncio", options) as portal:
        assert portal.call(name) == loop.name
        futures = [portal.start_task_soon(name) for _ in range(100)]
        assert {future.result(30) for future in futures} == {loop.name}


async def test_a_function_runs_in_a_process() -> None:
    assert await to_process.run_sync(os.getpid) != os.getpid()


# ---- Sockets


async def echo(stream: anyio.abc.ByteStream) -> None:
    async with stream:
        async for part in stream:
            await stream.send(part)


async def talk(stream: anyio.abc.ByteStream, size: int = 2_000_000) -> None:
    """Sends and receives at once, more than all buffers on the way hold; then ends the stream."""
    received = bytearray()

    async def receive() -> None:
        while len(received) < size:
            received.extend(await stream.receive())

    async with anyio.create_task_group() as group:
        group.start_soon(receive)
        for start in range(0, size, 10_000):
            await stream.send(bytes(min(10_000, size - start)))
    assert received == bytes(size)


async def talk_and_end(stream: anyio.abc.ByteStream) -> None:
    await talk(stream)
    await stream.send_eof()
    with pytest.raises(anyio.EndOfStream):
        await stream.receive()


async def with_listener(
    listener: anyio.abc.Listener[T], work: Callable[[], Awaitable[None]], serve: Callable[[T], Awaitable[None]]
) -> None:
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        await work()
        group.cancel_scope.cancel()


async def test_tcp() -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)

    async def client() -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            assert stream.extra(SocketAttribute.remote_address) == ("127.0.0.1", port)
            await talk_and_end(stream)

    await with_listener(listener, client, echo)


async def test_happy_eyeballs() -> None:
    """The name has two addresses, and nobody listens at one of them."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def client() -> None:
        async with await anyio.connect_tcp("localhost", listener.extra(SocketAttribute.local_port)) as stream:
            await stream.send(b"hello")
            assert await stream.receive() == b"hello"

    await with_listener(listener, client, echo)


async def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError):
        await anyio.connect_tcp("127.0.0.1", port)


async def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def client() -> None:
        async with await anyio.connect_unix(path) as stream:
            await talk_and_end(stream)

    await with_listener(await anyio.create_unix_listener(path), client, echo)


async def test_descriptors_pass_through_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def give(stream: UNIXSocketStream) -> None:
        reader, writer = os.pipe()
        async with stream:
            await stream.send_fds(b"a pipe", [writer])
        os.close(writer)
        assert await to_thread.run_sync(os.read, reader, 100) == b"through the pipe"
        os.close(reader)
        given.set()

    async def client() -> None:
        async with await anyio.connect_unix(path) as stream:
            message, [descriptor] = await stream.receive_fds(100, 1)
            assert message == b"a pipe"
            os.write(descriptor, b"through the pipe")
            os.close(descriptor)
            await given.wait()

    given = anyio.Event()
    await with_listener(await anyio.create_unix_listener(path), client, give)


async def test_udp() -> None:
    async with await anyio.create_udp_socket(family=socket.AF_INET, local_host="127.0.0.1") as server:
        port = server.extra(SocketAttribute.local_port)
        async with await anyio.create_connected_udp_socket("127.0.0.1", port) as client:
            for number in range(100):
                await client.send(b"%d" % number)
                packet, (host, sender) = await server.receive()
                assert (packet, host) == (b"%d" % number, "127.0.0.1")
                await server.sendto(packet, host, sender)
                assert await client.receive() == packet


async def test_tls(certificates: Certificates) -> None:
    inner = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = inner.extra(SocketAttribute.local_port)

    async def client() -> None:
        stream = await anyio.connect_tcp("127.0.0.1", port, tls_hostname="localhost", ssl_context=certificates.client)
        async with stream:
            assert stream.extra(TLSAttribute.tls_version) == "TLSv1.3"
            await talk(stream)
        with pytest.raises(ssl.SSLCertVerificationError):
            await anyio.connect_tcp("127.0.0.1", port, tls_hostname="elsewhere", ssl_context=certificates.client)

    async def serve(stream: TLSStream) -> None:
        try:
            await echo(stream)
        except (anyio.BrokenResourceError, ssl.SSLError):
            pass  # the client that does not trust us

    await with_listener(TLSListener(inner, certificates.server), client, serve)


async def test_a_busy_stream_and_a_closed_one() -> None:
    async def hold(stream: SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async def client() -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream, anyio.create_task_group() as group:
            group.start_soon(receive_until_closed, stream)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(anyio.BusyResourceError):
                await stream.receive()
            await stream.aclose()

    async def receive_until_closed(stream: SocketStream) -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    await with_listener(listener, client, hold)


async def test_readiness_of_a_plain_socket() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        await anyio.wait_writable(left)
        with anyio.move_on_after(0.02) as scope:
            await anyio.wait_readable(left)
        assert scope.cancelled_caught
        right.send(b"x")
        await anyio.wait_readable(left)
        assert left.recv(10) == b"x"


# ---- Processes, signals, files


async def test_processes() -> None:
    finished = await anyio.run_process([sys.executable, "-c", "print(input()[::-1])"], input=b"olleh\n")
    assert finished.stdout == b"hello\n"
    with pytest.raises(CalledProcessError) as failed:
        await anyio.run_process("echo oops >&2; exit 3", stdout=PIPE, stderr=PIPE)
    assert (failed.value.returncode, failed.value.stderr) == (3, b"oops\n")


async def test_a_conversation_with_a_process() -> None:
    async with await anyio.open_process(["cat"]) as process:
        assert process.stdin is not None and process.stdout is not None
        for number in range(50):
            await process.stdin.send(b"%d\n" % number)
            assert await process.stdout.receive() == b"%d\n" % number
        await process.stdin.aclose()
        assert await process.wait() == 0


async def test_a_process_ends_with_its_scope() -> None:
    with anyio.move_on_after(0.05) as scope:
        await anyio.run_process(["sleep", "60"])
    assert scope.cancelled_caught


async def test_signals() -> None:
    with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            os.kill(os.getpid(), number)
            async for received in signals:
                assert received == number
                break


async def test_files(tmp_path: Path) -> None:
    path = anyio.Path(tmp_path / "file")
    async with await anyio.open_file(path, "w") as file:
        await file.writelines(f"{number}\n" for number in range(1000))
    assert len((await path.read_text()).splitlines()) == 1000
    assert [entry.name async for entry in path.parent.iterdir()] == ["file"]


# ---- Its pytest plugin


def test_pytest_plugin(pytester: pytest.Pytester, loop: LoopKind) -> None:
    """The plugin makes its loop with the factory that the fixture anyio_backend names."""
    pytester.makepyfile(
        f"""
        import asyncio, anyio, pytest, {loop.name}
        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio", {{"loop_factory": {loop.name}.new_event_loop}}

        @pytest.fixture
        async def resource():
            await anyio.sleep(0)
            yield type(asyncio.get_running_loop()).__module__.partition(".")[0]
            await anyio.sleep(0)

        async def test_passes(resource):
            assert resource == "{loop.name}"

        async def test_fails(resource):
            assert resource == "another"
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:cacheprovider", timeout=60)
    result.assert_outcomes(passed=1, failed=1)
