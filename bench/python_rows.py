# SPDX-License-Identifier: MIT
"""The rows of the table of Python: asyncio programs on hoop, on asyncio's own loop, and on uvloop.

python/README.md says how each row is measured.
"""

from rows import Load, Row, Target


def _faster(times: float) -> Target:
    """hoop takes so many times less than the best of the others."""
    return Target(times_less=times)


# Shorter than in the table of C: there are more rows, and programs that take longer to start.
BRIEFLY = ("warm=0.3", "seconds=1.2")


def _echo(name: str, title: str, serve: str, target: Target, per: str = "request", *options: str) -> Row:
    return Row(name, title, "ns", target, per, Load(serve, "echo", ("connections=10", *BRIEFLY, *options)))


def _http(name: str, title: str, serve: str, target: Target) -> Row:
    return Row(name, title, "ns", target, "request", Load(serve, "http", ("connections=10", *BRIEFLY)))


NONE = Target()

PYTHON_ROWS = (
    Row("call_soon", "call_soon", "ns", _faster(2.0), "callback"),
    Row("call_soon_arguments", "call_soon with two arguments", "ns", _faster(2.5), "callback"),
    Row("call_later_cancel", "call_later, and cancel", "ns", _faster(4.0), "timer"),
    Row("call_later_fire", "call_later, and fire", "ns", _faster(1.5), "timer"),
    Row("call_soon_threadsafe", "call_soon_threadsafe from a thread", "ns", _faster(1.5), "callback"),
    Row("step_1", "sleep(0), 1 task", "ns", _faster(2.0), "step"),
    Row("step_100", "sleep(0), 100 tasks", "ns", _faster(2.0), "step"),
    Row("create_task", "create a task and await it", "ns", _faster(4.0), "task"),
    Row("gather", "gather 1000 coroutines", "ns", _faster(2.0), "child"),
    Row("task_group", "TaskGroup of 1000 tasks", "ns", _faster(2.5), "child"),
    Row("future", "set a future's result and await it", "ns", _faster(4.0), "future"),
    Row("ping_pong", "two tasks in turns, with futures", "ns", _faster(3.5), "turn"),
    Row("wait_for", "wait_for", "ns", _faster(2.0)),
    Row("timeout", "timeout()", "ns", _faster(2.0)),
    Row("queue_10", "Queue(10), two tasks", "ns", _faster(1.3), "item"),
    Row("queue_1", "Queue(1), two tasks", "ns", _faster(1.8), "item"),
    Row("lock", "Lock, 4 tasks", "ns", _faster(1.8), "acquisition"),
    Row("executor", "run_in_executor", "ns", _faster(1.4), "call"),
    Row("subprocess", "start a process and wait for its end", "ns", _faster(1.1), "process"),
    Row("subprocess_large", "the same, from a program of 256 MiB", "ns", _faster(1.1), "process"),
    _echo("sock", "sock_recv and sock_sendall, 1 KiB", "tcp_sock", _faster(2.5)),
    _echo("tcp_protocol", "protocol, TCP, 1 KiB", "tcp_protocol", _faster(1.15)),
    _echo("unix_protocol", "protocol, Unix sockets, 1 KiB", "unix_protocol", _faster(1.2)),
    _echo("tcp_buffered", "BufferedProtocol, TCP, 1 KiB", "tcp_buffered", _faster(1.25)),
    _echo("streams_read", "streams: read, write; 1 KiB", "tcp_read", _faster(1.6)),
    _echo("streams_drain", "streams: read, write, drain; 1 KiB", "tcp_drain", NONE),
    _echo("streams_readline", "streams: readline, write; 1 KiB", "tcp_readline", _faster(1.7)),
    _echo("streams_readexactly", "streams: readexactly, write; 1 KiB", "tcp_readexactly", _faster(1.6)),
    _echo(
        "pipelined_readline", "readline, 20 lines of 64 bytes at once", "tcp_readline", _faster(3.0), "line",
        "lines=20", "size=1280",
    ),
    _echo(
        "pipelined_readexactly", "readexactly, 20 blocks of 1 KiB at once", "tcp_readexactly", _faster(2.3), "block",
        "lines=20", "size=20480",
    ),
    _echo("large_protocol", "protocol, messages of 256 KiB", "tcp_protocol", _faster(1.1), "request", "size=262144"),
    _echo("large_streams", "streams, messages of 256 KiB", "tcp_drain", _faster(1.1), "request", "size=262144"),
    _echo("tls_protocol", "TLS, protocol, 1 KiB", "tls_protocol", _faster(1.5)),
    _echo("tls_streams", "TLS, streams, 1 KiB", "tls_read", _faster(2.0)),
    Row(
        "udp", "UDP, 1 KiB", "ns", _faster(1.3), "datagram",
        Load("udp", "udp", ("connections=10", *BRIEFLY)),
    ),
    Row(
        "accept", "accept, echo a byte, close; 16 at a time", "ns", _faster(1.5), "connection",
        Load("tcp_protocol", "accept", ("connections=16", *BRIEFLY)),
    ),
    _http("http_uvicorn", "uvicorn, plain text", "tcp_uvicorn", _faster(1.1)),
    _http("http_aiohttp", "aiohttp server, plain text", "tcp_aiohttp", _faster(1.15)),
    Row("memory_task", "memory of a sleeping task", "B", _faster(1 / 0.7), "task"),
    Row("memory_protocol", "memory of an idle connection, protocol", "B", _faster(2.0), "connection"),
    Row("memory_streams", "memory of an idle connection, streams", "B", _faster(2.0), "connection"),
)
