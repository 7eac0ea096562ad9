# SPDX-License-Identifier: MIT
"""The listener: new connections, many and few, what runs short, failures, the end."""

import asyncio
import contextlib
import contextvars
import errno
import gc
import os
import resource
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import hoop
import pytest
from hoop import _core


@pytest.fixture(params=["tcp", "tcp6", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[socket.socket]:
    if request.param == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "socket"))
    elif request.param == "tcp6":
        sock = socket.socket(socket.AF_INET6)
        sock.bind(("::1", 0))
    else:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
    sock.listen(50)
    sock.setblocking(False)
    yield sock
    sock.close()


def dial(server: socket.socket) -> socket.socket:
    client = socket.socket(server.family)
    client.connect(server.getsockname())
    return client


def run(loop: hoop.Loop, seconds: float = 0.001) -> None:
    loop.call_later(seconds, loop.stop)
    loop.run_forever()


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    first_free = os.dup(0)
    os.close(first_free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def close_all(*lists: list[socket.socket]) -> None:
    for sockets in lists:
        for sock in sockets:
            sock.close()


def test_each_connection_is_handed_over_as_a_socket(loop: hoop.Loop, server: socket.socket) -> None:
    accepted: list[socket.socket] = []
    listener = _core.Listener(loop, server, accepted.append, 100)
    clients = [dial(server)]
    run(loop)
    (sock,) = accepted
    assert type(sock) is socket.socket
    protocol = 0 if server.family == socket.AF_UNIX else socket.IPPROTO_TCP
    assert (sock.family, sock.type, sock.proto) == (server.family, socket.SOCK_STREAM, protocol)
    assert sock.gettimeout() == 0 and not os.get_blocking(sock.fileno()) and not os.get_inheritable(sock.fileno())
    assert sock.getpeername() == clients[0].getsockname()
    clients += [dial(server) for _ in range(20)]
    run(loop)
    assert len(accepted) == 21
    for client, sock in zip(clients, accepted):
        client.send(b"x")
        assert sock.recv(10) == b"x"
    listener.close()
    close_all(clients, accepted)


def test_a_turn_takes_at_most_the_backlog_and_the_rest_follows(loop: hoop.Loop, server: socket.socket) -> None:
    order: list[Any] = []
    accepted: list[socket.socket] = []

    def take(sock: socket.socket) -> None:
        accepted.append(sock)
        order.append("accepted")
        if order[-2:] != ["callback", "accepted"] or len(order) == 1:
            loop.call_soon(order.append, "callback")

    clients = [dial(server) for _ in range(7)]
    listener = _core.Listener(loop, server, take, backlog=3)
    run(loop)
    words = [word for word in order if word == "accepted"]
    assert len(words) == 7 and order[:5] == ["accepted"] * 3 + ["callback"] + ["callback"]
    listener.close()
    close_all(clients, accepted)


def test_nothing_is_accepted_after_close(loop: hoop.Loop, server: socket.socket) -> None:
    accepted: list[socket.socket] = []
    listener = _core.Listener(loop, server, accepted.append, 100)
    clients = [dial(server)]
    listener.close()
    listener.close()
    run(loop)
    assert accepted == [] and server.fileno() >= 0
    again = _core.Listener(loop, server, accepted.append, 100)
    run(loop)
    assert len(accepted) == 1
    again.close()
    close_all(clients, accepted)


def test_the_function_may_close_the_listener(loop: hoop.Loop, server: socket.socket) -> None:
    accepted: list[socket.socket] = []

    def take(sock: socket.socket) -> None:
        accepted.append(sock)
        listener.close()

    listener = _core.Listener(loop, server, take, 100)
    clients = [dial(server) for _ in range(3)]
    run(loop)
    assert len(accepted) == 1
    close_all(clients, accepted)


def test_a_failure_of_the_function_is_told_and_the_others_are_accepted(loop: hoop.Loop, server: socket.socket) -> None:
    problems: list[dict[str, Any]] = []
    accepted: list[socket.socket] = []
    loop.set_exception_handler(lambda loop, context: problems.append(context))

    def take(sock: socket.socket) -> None:
        accepted.append(sock)
        if len(accepted) == 1:
            raise ValueError("no")

    listener = _core.Listener(loop, server, take, 100)
    clients = [dial(server) for _ in range(3)]
    run(loop)
    (problem,) = problems
    assert isinstance(problem["exception"], ValueError) and len(accepted) == 3
    listener.close()
    close_all(clients, accepted)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_the_end_of_the_program_leaves_the_rest_for_the_next_run(
    loop: hoop.Loop, server: socket.socket, error: type[BaseException]
) -> None:
    accepted: list[socket.socket] = []

    def take(sock: socket.socket) -> None:
        accepted.append(sock)
        if len(accepted) == 1:
            raise error

    listener = _core.Listener(loop, server, take, 100)
    clients = [dial(server) for _ in range(3)]
    with pytest.raises(error):
        loop.run_forever()
    assert len(accepted) == 1
    run(loop)
    assert len(accepted) == 3
    listener.close()
    close_all(clients, accepted)


def test_the_function_is_called_in_the_listeners_context(loop: hoop.Loop, server: socket.socket) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []
    accepted: list[socket.socket] = []

    def take(sock: socket.socket) -> None:
        accepted.append(sock)
        seen.append(variable.get())

    context = contextvars.copy_context()
    context.run(variable.set, "of the server")
    listener = context.run(_core.Listener, loop, server, take, 100)
    clients = [dial(server)]
    run(loop)
    assert seen == ["of the server"]
    listener.close()
    close_all(clients, accepted)


def test_without_descriptors_it_says_so_and_tries_again_after_a_second(loop: hoop.Loop) -> None:
    problems: list[dict[str, Any]] = []
    accepted: list[socket.socket] = []
    loop.set_exception_handler(lambda loop, context: problems.append(context))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        listener = _core.Listener(loop, server, accepted.append, 100)
        clients = [dial(server)]
        with no_more_descriptors():
            run(loop, 0.2)
        (problem,) = problems
        assert problem["message"] == "socket.accept() out of system resource"
        assert isinstance(problem["exception"], OSError) and problem["exception"].errno == errno.EMFILE
        assert isinstance(problem["socket"], asyncio.trsock.TransportSocket)
        assert problem["socket"].fileno() == server.fileno() and accepted == []
        clients.append(dial(server))
        run(loop, 0.2)
        assert accepted == []
        run(loop, 0.9)
        assert len(accepted) == 2 and len(problems) == 1
        listener.close()
        close_all(clients, accepted)


def test_closing_while_it_pauses(loop: hoop.Loop) -> None:
    problems: list[dict[str, Any]] = []
    accepted: list[socket.socket] = []
    loop.set_exception_handler(lambda loop, context: (problems.append(context), listener.close()))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        listener = _core.Listener(loop, server, accepted.append, 100)
        clients = [dial(server)]
        with no_more_descriptors():
            run(loop, 0.01)
        assert len(problems) == 1
        run(loop, 0.01)
        assert accepted == []
        close_all(clients)


def test_wrong_arguments_are_refused(loop: hoop.Loop) -> None:
    with socket.socket() as sock:
        for arguments in [(), (loop, sock, print), (5, sock, print, 100), (loop, sock, print, "x")]:
            with pytest.raises(TypeError):
                _core.Listener(*arguments)
    with pytest.raises(ValueError):
        _core.Listener(loop, sock, print, 100)


def test_the_loop_keeps_an_open_listener_until_it_is_closed(loop: hoop.Loop, server: socket.socket) -> None:
    accepted: list[socket.socket] = []

    def take(sock: socket.socket) -> None:
        accepted.append(sock)

    _core.Listener(loop, server, take, 100)
    alive = weakref.ref(take)
    del take
    gc.collect()
    clients = [dial(server)]
    run(loop)
    assert len(accepted) == 1 and alive() is not None
    loop.close()
    gc.collect()
    assert alive() is None
    close_all(clients, accepted)


def test_a_listener_is_collected_with_its_loop(server: socket.socket) -> None:
    loop = hoop.new_event_loop()

    def take(sock: socket.socket) -> None:
        assert loop

    _core.Listener(loop, server, take, 100)
    alive = weakref.ref(loop)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del take, loop
        gc.collect()
    assert alive() is None
