# SPDX-License-Identifier: MIT
"""sock_recv and its like when sockets, tasks or the loop go away meanwhile."""

import asyncio
import gc
import socket
import weakref

import hoop
import pytest
from socket_pairs import Pair, running


def test_a_socket_closed_while_it_is_waited_for_does_not_take_what_its_number_gets(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        waiting = asyncio.create_task(loop.sock_recv(left, 10))
        await asyncio.sleep(0)
        number = left.fileno()
        left.close()
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            assert one.fileno() == number
            other.send(b"for the new one")
            receiving = asyncio.create_task(loop.sock_recv(one, 100))
            assert await receiving == b"for the new one"
            with pytest.raises(OSError, match="Bad file descriptor"):
                await waiting

    running(main)


def test_operations_wait_for_a_loop_that_stops_and_runs_again(loop: hoop.Loop, pair: Pair) -> None:
    left, right = pair
    task = loop.create_task(loop.sock_recv(left, 10))
    loop.run_until_complete(asyncio.sleep(0))
    right.send(b"x")
    assert loop.run_until_complete(task) == b"x"


def test_a_task_that_only_its_socket_keeps_is_not_lost(pair: Pair) -> None:
    left, right = pair

    async def main(loop: hoop.Loop) -> None:
        received: list[bytes] = []

        async def receive() -> None:
            received.append(await loop.sock_recv(left, 10))

        asyncio.create_task(receive())
        await asyncio.sleep(0)
        gc.collect()
        right.send(b"x")
        while not received:
            await asyncio.sleep(0.001)

    running(main)


def test_a_closed_loop_lets_go_of_what_waits(pair: Pair) -> None:
    left, _ = pair
    loop = hoop.new_event_loop()
    buffer = bytearray(1)
    gone = weakref.ref(loop)
    coroutine = loop.sock_recv_into(left, buffer)
    future = coroutine.send(None)
    loop.close()
    assert not future.done()
    coroutine.close()
    del coroutine, future, loop
    gc.collect()
    assert gone() is None
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        closed = hoop.new_event_loop()
        closed.close()
        closed.sock_recv(left, 1).send(None)
