# SPDX-License-Identifier: MIT
"""add_reader and add_writer: when callbacks come, what replaces and ends them, and numbers that are closed and reused."""

import asyncio
import contextvars
import gc
import os
import socket
import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import hoop
import pytest


def iterate(loop: hoop.Loop, times: int = 1) -> None:
    """Some iterations that do not wait."""
    for _ in range(times):
        loop.call_soon(loop.stop)
        loop.run_forever()


def test_the_reader_is_called_again_and_again_while_there_is_something_to_read(
    loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    calls: list[tuple[int, ...]] = []
    assert loop.add_reader(left, lambda *args: calls.append(args), 1, 2) is None
    iterate(loop)
    assert calls == []
    right.send(b"x")
    iterate(loop, 3)
    assert calls == [(1, 2)] * 3
    left.recv(10)
    iterate(loop, 3)
    assert len(calls) == 3


def test_the_writer_is_called_while_there_is_room(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_writer(left.fileno(), calls.append, "room")
    iterate(loop, 2)
    assert calls == ["room"] * 2
    with pytest.raises(BlockingIOError):
        while True:
            left.send(bytes(65536))
    iterate(loop, 2)
    assert len(calls) == 2


def test_the_callback_runs_in_the_iteration_of_the_event(
    loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    order: list[str] = []
    loop.add_reader(left, order.append, "read")
    right.send(b"x")
    loop.call_soon(order.append, "soon")
    iterate(loop)
    # What was scheduled before the poll comes first, as with asyncio.
    assert order == ["soon", "read"]


def test_a_reader_that_waits_is_woken_by_data(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    loop.add_reader(left, loop.stop)
    loop.call_later(0.01, right.send, b"x")
    loop.run_forever()
    assert left.recv(1) == b"x"


def test_another_callback_replaces_the_first(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, calls.append, "first")
    loop.add_reader(left.fileno(), calls.append, "second")
    right.send(b"x")
    iterate(loop)
    assert calls == ["second"]
    assert loop.remove_reader(left) is True
    assert loop.remove_reader(left) is False


def test_both_directions_are_apart(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, calls.append, "read")
    loop.add_writer(left, calls.append, "write")
    right.send(b"x")
    iterate(loop)
    assert sorted(calls) == ["read", "write"]
    assert loop.remove_writer(left) is True
    calls.clear()
    iterate(loop)
    assert calls == ["read"]
    assert loop.remove_writer(left) is False
    assert loop.remove_reader(left) is True
    calls.clear()
    iterate(loop)
    assert calls == []


def test_a_reader_removed_while_it_is_due_is_not_called(
    loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    calls: list[str] = []

    def write() -> None:
        calls.append("write")
        loop.remove_reader(left)
        loop.remove_writer(left)

    def read() -> None:
        calls.append("read")
        loop.remove_reader(left)
        loop.remove_writer(left)

    loop.add_reader(left, read)
    loop.add_writer(left, write)
    right.send(b"x")
    iterate(loop, 2)
    assert len(calls) == 1


def test_a_hangup_calls_both(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, calls.append, "read")
    loop.add_writer(left, calls.append, "write")
    right.close()
    iterate(loop)
    assert sorted(calls) == ["read", "write"]


def test_callbacks_keep_the_context_of_the_call(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []
    variable.set("added")
    loop.add_reader(left, lambda: seen.append(variable.get()))
    variable.set("later")
    right.send(b"x")
    iterate(loop)
    assert seen == ["added"]


def test_an_exception_goes_to_the_handler_and_the_reader_stays(
    loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    contexts: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    loop.add_reader(left, lambda: 1 / 0)
    right.send(b"x")
    iterate(loop, 2)
    assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError] * 2


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_a_regular_file_is_refused(loop: hoop.Loop, method: str) -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(PermissionError):
        getattr(loop, method)(file, print)


@pytest.mark.parametrize("method", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
def test_what_is_no_descriptor_is_refused(loop: hoop.Loop, method: str) -> None:
    arguments: tuple[Any, ...] = (print,) if method.startswith("add") else ()
    closed = socket.socket()
    closed.close()

    class NoNumber:
        def fileno(self) -> str:
            return "seven"

    call: Callable[..., object] = getattr(loop, method)
    for bad in ["text", None, NoNumber()]:
        with pytest.raises(ValueError, match="Invalid file object: "):
            call(bad, *arguments)
    for bad in [-1, closed]:
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            call(bad, *arguments)


@pytest.mark.parametrize("method", ["remove_reader", "remove_writer"])
def test_a_transport_that_is_closing_has_nothing_to_remove(
    loop: hoop.Loop, pair: tuple[socket.socket, socket.socket], method: str
) -> None:
    async def main() -> None:
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=pair[0])
        number = pair[0].fileno()
        with pytest.raises(RuntimeError, match="is used by transport"):
            getattr(loop, method)(number)
        transport.close()
        assert getattr(loop, method)(number) is False
        assert transport.get_extra_info("socket").fileno() == number  # it is not closed yet

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["remove_reader", "remove_writer"])
def test_a_listening_socket_has_nothing_to_remove(loop: hoop.Loop, method: str) -> None:
    async def main() -> None:
        async with await loop.create_server(asyncio.Protocol, "127.0.0.1", 0) as server:
            with pytest.raises(RuntimeError, match="is used by transport <Listener"):
                getattr(loop, method)(server.sockets[0].fileno())

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_a_number_that_is_not_open_is_refused(loop: hoop.Loop, method: str) -> None:
    for number in [999, 2**31 - 1]:
        with pytest.raises(OSError, match="Bad file descriptor"):
            getattr(loop, method)(number, print)
    with pytest.raises(OverflowError):
        getattr(loop, method)(2**31, print)


def test_missing_arguments_are_told(loop: hoop.Loop) -> None:
    with pytest.raises(TypeError, match=r"add_reader\(\) missing 1 required"):
        loop.add_reader(0)  # type: ignore[call-arg]


def test_a_closed_loop_adds_nothing_and_has_nothing_to_remove(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    loop = hoop.new_event_loop()
    loop.add_reader(left, print)
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.add_reader(left, print)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.add_writer(left, print)
    assert loop.remove_reader(left) is False
    assert loop.remove_writer(left) is False


def test_the_file_object_lives_as_long_as_it_is_watched(loop: hoop.Loop) -> None:
    left, right = socket.socketpair()
    gone = weakref.ref(left)
    loop.add_reader(left, print)
    loop.add_writer(left, print)
    number = left.fileno()
    del left
    gc.collect()
    assert gone() is not None
    loop.remove_reader(number)
    assert gone() is not None
    with pytest.warns(ResourceWarning, match="unclosed"):
        loop.remove_writer(number)
        gc.collect()
    assert gone() is None
    right.close()


def test_a_loop_that_only_its_readers_know_is_collected(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair

    class Program:
        def __init__(self) -> None:
            self.loop = hoop.new_event_loop()
            self.loop.add_reader(left, self.read)

        def read(self) -> None:
            raise AssertionError

    program = Program()
    gone = weakref.ref(program)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del program
        gc.collect()
    assert gone() is None


# ---- numbers that are closed without a word ----


def test_a_closed_file_object_can_still_be_removed(loop: hoop.Loop, pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    loop.add_reader(left, print)
    left.close()
    assert loop.remove_reader(left) is True
    with pytest.raises(ValueError, match="Invalid file descriptor"):
        loop.remove_reader(left)


@pytest.mark.parametrize("is_removed", [False, True], ids=["forgotten", "removed late"])
def test_a_number_that_was_closed_while_watched_can_be_watched_again(loop: hoop.Loop, is_removed: bool) -> None:
    calls: list[str] = []
    read, write = os.pipe()
    loop.add_reader(read, calls.append, "old")
    os.close(read)
    os.close(write)
    if is_removed:
        assert loop.remove_reader(read) is True
    new_read, new_write = os.pipe()
    assert new_read == read
    loop.add_reader(new_read, calls.append, "new")
    os.write(new_write, b"x")
    iterate(loop)
    assert calls == ["new"]
    loop.remove_reader(new_read)
    os.close(new_read)
    os.close(new_write)


def test_a_number_whose_file_lives_on_under_another_one_can_be_watched_again(loop: hoop.Loop) -> None:
    """The kernel goes on telling of the old file, which has nothing to do with the number any more."""
    calls: list[str] = []
    read, write = os.pipe()
    loop.add_reader(read, calls.append, "old")
    copy = os.dup(read)
    os.close(read)
    assert loop.remove_reader(read) is True
    os.write(write, b"x")
    iterate(loop, 2)
    assert calls == []
    new_read, new_write = os.pipe()
    assert new_read == read
    loop.add_reader(new_read, calls.append, "new")
    os.write(new_write, b"x")
    iterate(loop)
    assert calls == ["new"]
    loop.remove_reader(new_read)
    for number in (copy, write, new_read, new_write):
        os.close(number)
