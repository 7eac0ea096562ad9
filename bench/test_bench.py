# SPDX-License-Identifier: MIT
"""Tests of the benchmark's own machinery: `python3 bench/test_bench.py`. They build and measure nothing."""

import asyncio
import contextlib
import io
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from unittest import mock

import chart
import loops
import report
from measure import Measurements, measure
from network import Network, make_certificate
from peers import BENCH, Command, Peer
from python_rows import PYTHON_ROWS
from rows import ROWS, Load, Row, Target, judge

sys.path.append(str(loops.PROGRAM.parent))

import callbacks
import loop_bench
import memory
import outside
import servers
import sync
import tasks

NS_ROW = Row("yield", "yield", "ns", Target(limit=12, ahead=True))
TIMER_ROW = Row("timer_insert", "arm a timer", "ns", Target(times_floor=1.5))
NETWORK_ROW = Row("tcp_1", "echo", "ns", Target(), "request", Load("tcp", "echo", ("connections=1",)))
MEMORY_ROW = Row("memory_unstarted", "memory", "B", Target(limit=256))
TIMES_ROW = Row("call_soon", "call_soon", "ns", Target(times_less=2))


class Verdicts(unittest.TestCase):
    def verdict(self, row: Row, **medians: float) -> str | None:
        return judge(row, medians).verdict

    def test_met_needs_the_limit_and_a_lead_over_the_best_peer(self):
        self.assertEqual(self.verdict(NS_ROW, hoop=10, go=50, tokio=20), "met")
        self.assertEqual(self.verdict(NS_ROW, hoop=20, go=50, tokio=30), "missed")
        self.assertEqual(self.verdict(NS_ROW, hoop=10, go=50, tokio=8), "missed")

    def test_a_difference_under_ten_percent_is_a_tie(self):
        self.assertEqual(self.verdict(NS_ROW, hoop=10, go=10.5), "tie")
        self.assertEqual(self.verdict(NS_ROW, hoop=10.5, go=10), "tie")
        self.assertEqual(self.verdict(NS_ROW, hoop=12.9, go=50), "tie")

    def test_memory_is_exact(self):
        self.assertEqual(self.verdict(MEMORY_ROW, hoop=256), "met")
        self.assertEqual(self.verdict(MEMORY_ROW, hoop=257), "missed")

    def test_the_floor_is_not_a_peer(self):
        judgement = judge(TIMER_ROW, {"hoop": 14, "bare": 10, "libuv": 100})
        self.assertEqual((judgement.best_peer, judgement.to_best, judgement.to_floor), ("libuv", 0.14, 1.4))
        self.assertEqual(judgement.verdict, "met")

    def test_so_many_times_less_than_the_best_peer(self):
        self.assertEqual(self.verdict(TIMES_ROW, hoop=50, uvloop=100, asyncio=400), "met")
        self.assertEqual(self.verdict(TIMES_ROW, hoop=54, uvloop=100, asyncio=400), "tie")
        self.assertEqual(self.verdict(TIMES_ROW, hoop=56, uvloop=100, asyncio=400), "missed")
        self.assertEqual(str(TIMES_ROW.target), "≤ 0.50 × best")
        self.assertIsNone(self.verdict(TIMES_ROW, hoop=50))

    def test_no_verdict_without_the_figures_it_needs(self):
        self.assertIsNone(self.verdict(TIMER_ROW, hoop=14, go=200))
        self.assertIsNone(self.verdict(NS_ROW, go=50))


class WithPrograms(unittest.TestCase):
    def program(self, script: str) -> Command:
        program = Path(self.enterContext(tempfile.TemporaryDirectory())) / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return (program,)


class Programs(WithPrograms):
    def peer(self, script: str, *others: str) -> Peer:
        return Peer("go", self.program(script), "1", tuple(map(self.program, others)))

    def measure(self, peer: Peer) -> Measurements:
        with contextlib.redirect_stderr(io.StringIO()):
            return measure([peer], [NS_ROW, MEMORY_ROW, NETWORK_ROW], repeats=3)

    def test_a_figure_a_repeat_of_each_row_the_program_has(self):
        answer = '{"row":"yield","value":2.5,"unit":"ns"}'
        measured = self.measure(self.peer(f"""[ "$1" = --list ] && echo yield || echo '{answer}'"""))
        self.assertEqual(measured.figures, {"yield": {"go": [2.5, 2.5, 2.5]}, "memory_unstarted": {}})
        self.assertEqual(measured.failures, {})

    def test_a_row_is_done_by_the_program_that_has_it(self):
        answer = '{"row":"memory_unstarted","value":64,"unit":"B"}'
        other = f"""[ "$1" = --list ] && echo memory_unstarted || echo '{answer}'"""
        measured = self.measure(self.peer("""[ "$1" = --list ] || exit 3""", other))
        self.assertEqual(measured.figures["memory_unstarted"], {"go": [64.0] * 3})
        self.assertEqual(measured.failures, {})

    def test_a_failing_row_is_tried_once_and_has_no_figure(self):
        measured = self.measure(self.peer("""[ "$1" = --list ] && echo yield || { echo broken >&2; exit 3; }"""))
        self.assertEqual(measured.figures["yield"], {})
        self.assertEqual(measured.failures, {"go": ["yield: ended with 3: broken"]})

    def test_an_answer_to_another_row_is_a_failure(self):
        measured = self.measure(self.peer("""[ "$1" = --list ] && echo yield || echo '{"row":"spawn","value":1}'"""))
        self.assertIn("go", measured.failures)


@unittest.skipUnless(shutil.which("taskset"), "taskset is not installed")
class TheNetwork(WithPrograms):
    """A server and a load generator of a few lines each."""

    SERVER = """[ "$1" = --list ] && exec echo serve_tcp; echo ready; exec sleep 60"""
    LOAD = """echo '{"value":3500.5,"unit":"ns","rate":250000,"lost":0}'"""

    def measure(self, server: str, load: str) -> Measurements:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        network = Network(self.program(load)[0], folder)
        with contextlib.redirect_stderr(io.StringIO()):
            return measure([Peer("go", self.program(server), "1")], [NS_ROW, NETWORK_ROW], 2, network)

    def test_a_figure_and_a_rate_a_repeat(self):
        measured = self.measure(self.SERVER, self.LOAD)
        self.assertEqual(measured.figures, {"yield": {}, "tcp_1": {"go": [3500.5, 3500.5]}})
        self.assertEqual(measured.rates, {"tcp_1": {"go": [250000, 250000]}})

    def test_the_load_gets_the_servers_address_and_process(self):
        load = """case "$1 $2" in "echo tcp:"*) kill -0 "$3" && """ + self.LOAD + "; esac"
        self.assertEqual(self.measure(self.SERVER, load).failures, {})

    def test_a_server_that_is_not_ready_has_failed_and_tells_why(self):
        server = """[ "$1" = --list ] && exec echo serve_tcp; echo no port >&2; exit 1"""
        failures = self.measure(server, self.LOAD).failures
        self.assertEqual(failures, {"go": ["tcp_1: the server is not ready; the server: no port"]})

    def test_many_lost_datagrams_are_a_failure(self):
        measured = self.measure(self.SERVER, self.LOAD.replace('"lost":0', '"lost":9000'))
        self.assertEqual(measured.figures["tcp_1"], {})
        self.assertIn("go", measured.failures)

    def test_the_server_has_ended_when_its_row_has(self):
        note = Path(self.enterContext(tempfile.TemporaryDirectory())) / "process"
        self.measure(self.SERVER.replace("echo ready", f"echo $$ >{note}; echo ready"), self.LOAD)
        self.assertFalse(Path("/proc", note.read_text().strip()).exists())


class Report(unittest.TestCase):
    def record(self) -> dict:
        peers = [Peer(name, (name,), "1.2.3, compiler") for name in chart.LABELS]
        figures = {row.name: {peer.name: [5000.0, 7.5, 2.25] for peer in peers} for row in ROWS}
        rates = {row.name: {peer.name: [250e3, 3e6] for peer in peers} for row in ROWS if row.load}
        return report.make_record("libhoop", ROWS, peers, [], Measurements(figures, rates), repeats=3)

    def test_the_chart_is_xml_and_stays_inside_its_width(self):
        for element in ElementTree.fromstring(chart.draw(self.record())).iter():
            for name in ("x", "x1", "x2"):
                self.assertTrue(0 <= float(element.get(name, 0)) <= chart.WIDTH)

    def test_the_table_has_two_lines_a_row_under_its_head_and_one_more_for_rates(self):
        with_rates = [row for row in ROWS if row.load]
        self.assertEqual(len(report.table(self.record()).splitlines()), 1 + 2 * len(ROWS) + len(with_rates))

    def test_without_a_floor_there_is_no_column_for_it(self):
        peers = [Peer(name, (name,), "1.2.3") for name in ("hoop", "uvloop")]
        measured = Measurements({"call_soon": {"hoop": [50.0], "uvloop": [100.0]}})
        record = report.make_record("hoop", [TIMES_ROW], peers, [], measured, repeats=1)
        upper = report.table(record).splitlines()[1]
        self.assertEqual(re.split(r" {2,}", upper), ["call_soon", "50.0", "100", "0.50 uvloop", "≤ 0.50 × best", "met"])
        self.assertIn("target ≤ 0.50 × best", chart.draw(record))

    def test_a_rate_is_brief(self):
        row = {"rates": {"hoop": 243210.0}, "per": "request"}
        self.assertEqual(report.rate(row, "hoop"), "243k/s")
        self.assertEqual(report.rate(row | {"per": "KiB", "rates": {"hoop": 3 * 2.0**20}}, "hoop"), "3.00 GiB/s")
        self.assertEqual(report.rate(row, "go"), "")


class Constants(unittest.TestCase):
    """The languages repeat the sizes of the rows."""

    def numbers(self, pattern: str, *files: str) -> dict[str, int]:
        text = "\n".join((BENCH / file).read_text() for file in files)
        return {name.replace("_", "").lower(): int(value.replace("_", "")) for name, value in re.findall(pattern, text)}

    def test_the_sizes_are_the_same_in_c_go_rust_and_python(self):
        in_c = self.numbers(r"BENCH_(\w+) = (\d+),", "bench.h")
        files = ("executor", "files", "jobs", "post", "processes", "serve", "sync", "tasks", "timers")
        in_go = self.numbers(r"\t(\w+) += (\d+)\n", *(f"go/{name}.go" for name in files))
        in_rust = self.numbers(r"const (\w+): \w+ = ([\d_]+);", *(f"tokio/src/{name}.rs" for name in files))
        in_python = self.numbers(r"(?m)^(\w+) = ([\d_]+)$", "python/asyncio_bench.py")
        for other, least in ((in_go, 33), (in_rust, 33), (in_python, 13)):
            shared = in_c.keys() & other.keys()
            self.assertGreater(len(shared), least)
            self.assertEqual({name: in_c[name] for name in shared}, {name: other[name] for name in shared})


class Names(unittest.TestCase):
    """The programs and README.md repeat the names of the rows."""

    UNITS = {row.name: row.unit for row in ROWS if not row.load}
    KINDS = {row.load.serve for row in ROWS if row.load}

    def rows_in(self, file: str) -> dict[str, str]:
        found = re.findall(r'[({]"(\w+)", "(ns|B)", ', (BENCH / file).read_text())
        self.assertEqual(len(found), len(dict(found)))
        return dict(found)

    def kinds_in(self, file: str, pattern: str) -> set[str]:
        return set(re.findall(pattern, (BENCH / file).read_text()))

    def test_hoop_has_every_row(self):
        self.assertEqual(self.rows_in("hoop/main.c") | self.rows_in("hold/hold.c"), self.UNITS)

    def test_hoop_serves_what_every_row_of_the_network_needs(self):
        self.assertEqual(self.kinds_in("hoop/main.c", r'\{"(\w+)", serve_'), self.KINDS)

    def test_the_peers_serve_nothing_else(self):
        for file, pattern in {
            "bare/bare.c": r'\{"(\w+)", serve_',
            "libuv/libuv.c": r'\{"(\w+)", serve_',
            "go/serve.go": r'\t"(\w+)": +(?:func|serve)',
            "tokio/src/serve.rs": r'^ +"(\w+)" => serve_',
        }.items():
            in_peer = self.kinds_in(file, "(?m)" + pattern)
            self.assertGreaterEqual(in_peer, {"tcp", "unix", "udp", "sink"}, file)
            self.assertLessEqual(in_peer, self.KINDS, file)

    def test_the_peers_have_no_other_row(self):
        for file in ("bare/bare.c", "go/main.go", "libuv/libuv.c", "python/asyncio_bench.py", "tokio/src/main.rs"):
            in_peer = self.rows_in(file)
            self.assertTrue(in_peer)
            self.assertLessEqual(in_peer.items(), self.UNITS.items())

    def test_each_row_is_explained(self):
        headings = re.findall(r"^### (.+)$", (BENCH / "README.md").read_text(), re.MULTILINE)
        self.assertCountEqual(re.findall(r"`(\w+)`", " ".join(headings)), [row.name for row in ROWS])


class PythonTable(unittest.TestCase):
    """The program of the table of Python, on asyncio's own loop, and the names that are repeated."""

    def test_the_program_has_each_row(self):
        units = {row.name: row.unit for row in PYTHON_ROWS if not row.load}
        self.assertEqual({row.name: row.unit for row in loop_bench.ROWS.values()}, units)
        self.assertEqual(servers.KINDS.keys(), {row.load.serve for row in PYTHON_ROWS if row.load})

    def test_each_row_is_explained(self):
        headings = re.findall(r"^### (.+)$", (BENCH / "python" / "README.md").read_text(), re.MULTILINE)
        self.assertCountEqual(re.findall(r"`(\w+)`", " ".join(headings)), [row.name for row in PYTHON_ROWS])

    def test_each_row_can_be_done(self):
        async def timed_briefly(work: Callable[[int], Awaitable[None]], rounds: int) -> float:
            await work(rounds // 100)
            return 1.0

        # Sizes that take a moment. The process may have room for all that the rows of memory make: no figure of theirs.
        sizes = {(callbacks, "TIMERS"): 10_000, (outside, "PARENT_MEMORY"): 1, (memory, "TASKS"): 5000}
        sizes |= {(memory, "EARLIER"): 1, (memory, "CONNECTIONS"): 100}
        with contextlib.ExitStack() as stack:
            for (module, name), size in sizes.items():
                stack.enter_context(mock.patch.object(module, name, size))
            for module in (callbacks, tasks, sync, outside):
                stack.enter_context(mock.patch.object(module, "timed", timed_briefly))
            for row in loop_bench.ROWS.values():
                with self.subTest(row.name):
                    self.assertGreaterEqual(asyncio.run(row.measure()), 0 if row.unit == "B" else 1)

    @contextlib.contextmanager
    def server(self, kind: str, address: str, *more: str) -> Iterator[None]:
        command = [sys.executable, loops.PROGRAM, "asyncio", "serve", kind, address, *more]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                self.assertEqual(server.stdout.readline(), "ready\n")
                yield
            finally:
                server.kill()

    @contextlib.contextmanager
    def connected(self, kind: str) -> Iterator[socket.socket]:
        """A server of this kind, and a socket that is connected with it."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        if kind.startswith("unix"):
            with self.server(kind, str(folder / "socket")), socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "socket"))
                yield client
            return
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = probe.getsockname()
        certificate = make_certificate(folder) if kind.startswith("tls") else ()
        with self.server(kind, str(address[1]), *map(str, certificate)):
            with socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as client:
                client.connect(address)
                if certificate:
                    context = ssl.create_default_context(cafile=certificate[0])
                    client = context.wrap_socket(client, server_hostname="localhost")
                with client:
                    yield client

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_the_servers_send_back_what_comes(self):
        lines = [b"a" * 1023 + b"\n", b"b" * 1023 + b"\n"]
        for kind in servers.KINDS.keys() - servers.FRAMEWORKS.keys():
            with self.subTest(kind), self.connected(kind) as client:
                client.settimeout(10)
                for line in lines:
                    client.sendall(line)
                    got = b""
                    while len(got) < len(line):
                        got += client.recv(len(line))
                    self.assertEqual(got, line)


if __name__ == "__main__":
    unittest.main()
