# SPDX-License-Identifier: MIT
"""What a row is; the rows of the table of C, their targets, and the verdict on hoop's figure.

A smaller figure is better in every row. README.md says how each row is measured.

Most rows are measured by the program itself, which does them once. Those of the network have a Load: there the program
serves, and the load generator measures what an operation costs it.
"""

from dataclasses import dataclass

HOOP = "hoop"
FLOOR = "bare"  # plain C without a loop: a floor to compare with, not a peer to be ahead of
TIE = 1.10  # two times that differ by less are a tie; memory is exact, there it is not used


@dataclass(frozen=True)
class Target:
    """What hoop's median must reach. What is None or False is not asked."""

    limit: float | None = None  # in the row's unit
    times_floor: float | None = None
    ahead: bool = False  # of every peer
    times_less: float | None = None  # than the best peer

    def __str__(self) -> str:
        parts = []
        if self.limit is not None:
            parts.append(f"≤ {self.limit:g}")
        if self.times_floor is not None:
            parts.append(f"≤ {self.times_floor:g} × {FLOOR}")
        if self.ahead:
            parts.append("ahead")
        if self.times_less is not None:
            parts.append(f"≤ {1 / self.times_less:.2f} × best")
        return ", ".join(parts)


@dataclass(frozen=True)
class Load:
    """What a program serves, and what the load generator does to it."""

    serve: str  # the kind of server, whose first word is the transport: tcp, unix, tls or udp
    mode: str  # of the load generator
    options: tuple[str, ...] = ()  # of the load generator, NAME=VALUE

    @property
    def transport(self) -> str:
        return "tcp" if self.serve == "sink" else self.serve.partition("_")[0]


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str  # "ns" or "B" (bytes)
    target: Target = Target()
    per: str = "operation"
    load: Load | None = None

    @property
    def needs(self) -> str:
        """The word that a program which has this row prints when it is asked what it has."""
        return self.name if self.load is None else f"serve_{self.load.serve}"


def _echo(name: str, title: str, serve: str, connections: int, target: Target = Target()) -> Row:
    load = Load(serve, "echo", (f"connections={connections}",))
    return Row(name, title, "ns", target, "request", load)


# The floor of the network rows receives and sends, and does nothing else.
NEXT_TO_BARE = Target(times_floor=1.06, ahead=True)

ROWS = (
    Row("yield", "yield, 1000 tasks", "ns", Target(limit=12, ahead=True)),
    Row("yield_watchdog", "yield, 1000 tasks, watchdog on", "ns"),
    Row("yield_100k", "yield, 100,000 tasks", "ns", Target(ahead=True)),
    Row("queue", "round trip of two tasks, two queues of 1", "ns", Target(limit=60, ahead=True)),
    Row("spawn", "create a task and await it", "ns", Target(limit=40, ahead=True)),
    Row("spawn_batch", "create 1000 tasks, await all; per task", "ns", Target(limit=40, ahead=True)),
    Row("gather", "create 1000 tasks, gather all; per task", "ns", Target(ahead=True)),
    Row("group", "create 1000 tasks in a group, exit; per task", "ns", Target(ahead=True)),
    Row("lock", "lock, yield, unlock; 4 tasks", "ns", Target(ahead=True)),
    Row("lock_uncontended", "lock and unlock, nobody waits", "ns", Target(ahead=True)),
    Row("call_soon", "schedule a callback and call it", "ns"),
    Row("call_soon_watchdog", "schedule and call, watchdog on", "ns"),
    Row("timer_insert", "arm a timer, up to 1M live", "ns", Target(times_floor=1.5)),
    Row("timer_cancel", "cancel a timer, up to 1M live", "ns", Target(times_floor=1.5)),
    Row("timer_fire", "fire a timer, 100,000 due", "ns"),
    Row("post", "post from another thread, loop busy", "ns", Target(limit=25)),
    Row("executor_1", "call in another thread, one at a time", "ns", Target(limit=6000)),
    Row("executor_64", "call in another thread, 64 in flight", "ns", Target(limit=500)),
    Row("process_small", "start a process and wait for its end", "ns", Target(ahead=True), "process"),
    Row("process_large", "the same, from a program of 1 GiB", "ns", Target(ahead=True), "process"),
    Row("helper_1k", "job in a helper process, 1 KiB both ways", "ns", Target(ahead=True), "job"),
    Row("helper_64m", "job in a helper process, sum of 64 MiB", "ns", Target(ahead=True), "job"),
    Row("file_cached_1", "read 4 KiB in the page cache, one at a time", "ns", Target(ahead=True), "read"),
    Row("file_cached_64", "read 4 KiB in the page cache, 64 at once", "ns", Target(ahead=True), "read"),
    Row("file_cold_1", "read 4 KiB from the disk, one at a time", "ns", Target(ahead=True), "read"),
    Row("file_cold_64", "read 4 KiB from the disk, 64 at once", "ns", Target(ahead=True), "read"),
    _echo("tcp_1", "TCP echo of 1 KiB, 1 connection", "tcp", 1, NEXT_TO_BARE),
    _echo("tcp_50", "TCP echo of 1 KiB, 50 connections", "tcp", 50, NEXT_TO_BARE),
    _echo("tcp_1000", "TCP echo of 1 KiB, 1000 connections", "tcp", 1000, NEXT_TO_BARE),
    _echo("tcp_50_protocol", "TCP echo with callbacks, 50 connections", "tcp_protocol", 50),
    _echo("tcp_50_readline", "TCP echo line by line, 50 connections", "tcp_readline", 50),
    _echo("tcp_50_uring", "TCP echo on io_uring, 50 connections", "tcp_uring", 50),
    _echo("unix_50", "echo of 1 KiB, 50 Unix sockets", "unix", 50, Target(ahead=True)),
    _echo("tls_50", "TLS echo of 1 KiB, 50 connections", "tls", 50, Target(ahead=True)),
    Row(
        "udp_50", "UDP echo of 1 KiB, 50 sockets", "ns", Target(ahead=True), "datagram",
        Load("udp", "udp", ("connections=50",)),
    ),
    Row(
        "accept", "accept, echo a byte, close; 16 at a time", "ns", Target(ahead=True), "connection",
        Load("tcp", "accept", ("connections=16",)),
    ),
    Row("bulk", "receive and drop, 1 TCP connection", "ns", Target(ahead=True), "KiB", Load("sink", "sink")),
    Row(
        "bulk_echo", "TCP echo of 256 KiB, 1 connection", "ns", Target(ahead=True), "request",
        Load("tcp", "echo", ("size=262144",)),
    ),
    Row("memory_suspended", "memory of a sleeping task, 1M of them", "B", Target(limit=4600), "task"),
    Row("memory_unstarted", "memory of a task not yet begun", "B", Target(limit=256), "task"),
    Row("memory_connection", "memory of an idle connection, with a task", "B", Target(limit=5120), "connection"),
    Row("memory_protocol", "memory of an idle connection, with callbacks", "B", Target(limit=1024), "connection"),
)


@dataclass(frozen=True)
class Judgement:
    best_peer: str | None
    to_best: float | None  # hoop's median / the best peer's
    to_floor: float | None
    verdict: str | None  # "met", "tie", "missed"; None without a target or without the figures it needs


def peers_of(medians: dict[str, float]) -> dict[str, float]:
    return {name: figure for name, figure in medians.items() if name not in (HOOP, FLOOR)}


def target_value(row: Row, medians: dict[str, float]) -> float | None:
    """The row's target as a figure in its unit, if it has one."""
    if row.target.limit is not None:
        return row.target.limit
    if row.target.times_floor is not None and FLOOR in medians:
        return row.target.times_floor * medians[FLOOR]
    if row.target.times_less is not None and (peers := peers_of(medians)):
        return min(peers.values()) / row.target.times_less
    return None


def _verdict_under(figure: float, bound: float, tie: float) -> str:
    if figure <= bound:
        return "met"
    return "tie" if figure <= bound * tie else "missed"


def _verdict_ahead(figure: float, best: float, tie: float) -> str:
    if figure * tie <= best:
        return "met"
    return "tie" if figure <= best * tie else "missed"


def judge(row: Row, medians: dict[str, float]) -> Judgement:
    """Compares hoop's median with the others' and with the target. The worst of the target's conditions counts."""
    peers = peers_of(medians)
    best = min(peers, key=peers.__getitem__, default=None)
    if HOOP not in medians:
        return Judgement(best, None, None, None)
    hoop = medians[HOOP]
    tie = TIE if row.unit == "ns" else 1.0
    verdicts = []
    bound = target_value(row, medians)
    if bound is not None:
        verdicts.append(_verdict_under(hoop, bound, tie))
    if row.target.ahead and best is not None:
        verdicts.append(_verdict_ahead(hoop, peers[best], tie))
    return Judgement(
        best_peer=best,
        to_best=hoop / peers[best] if best is not None else None,
        to_floor=hoop / medians[FLOOR] if FLOOR in medians else None,
        verdict=max(verdicts, key=("met", "tie", "missed").index, default=None),
    )
