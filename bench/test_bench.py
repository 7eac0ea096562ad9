# SPDX-License-Identifier: MIT
"""Tests of the benchmark's own machinery: `python3 bench/test_bench.py`. They build and measure nothing."""

import contextlib
import io
import re
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import chart
import report
from measure import Measurements, measure
from peers import BENCH, Peer
from rows import ROWS, Row, Target, judge

NS_ROW = Row("yield", "yield", "ns", Target(limit=12, ahead=True))
TIMER_ROW = Row("timer_insert", "arm a timer", "ns", Target(times_floor=1.5))
MEMORY_ROW = Row("memory_unstarted", "memory", "B", Target(limit=256))


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

    def test_no_verdict_without_the_figures_it_needs(self):
        self.assertIsNone(self.verdict(TIMER_ROW, hoop=14, go=200))
        self.assertIsNone(self.verdict(NS_ROW, go=50))


class Programs(unittest.TestCase):
    def peer(self, script: str) -> Peer:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        program = folder / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Peer("go", program, "1")

    def measure(self, peer: Peer) -> Measurements:
        with contextlib.redirect_stderr(io.StringIO()):
            return measure([peer], [NS_ROW, MEMORY_ROW], repeats=3)

    def test_a_figure_a_repeat_of_each_row_the_program_has(self):
        answer = '{"row":"yield","value":2.5,"unit":"ns"}'
        measured = self.measure(self.peer(f"""[ "$1" = --list ] && echo yield || echo '{answer}'"""))
        self.assertEqual(measured.figures, {"yield": {"go": [2.5, 2.5, 2.5]}, "memory_unstarted": {}})
        self.assertEqual(measured.failures, {})

    def test_a_failing_row_is_tried_once_and_has_no_figure(self):
        measured = self.measure(self.peer("""[ "$1" = --list ] && echo yield || { echo broken >&2; exit 3; }"""))
        self.assertEqual(measured.figures["yield"], {})
        self.assertEqual(measured.failures, {"go": ["yield: ended with 3: broken"]})

    def test_an_answer_to_another_row_is_a_failure(self):
        measured = self.measure(self.peer("""[ "$1" = --list ] && echo yield || echo '{"row":"spawn","value":1}'"""))
        self.assertIn("go", measured.failures)


class Report(unittest.TestCase):
    def record(self) -> dict:
        peers = [Peer(name, Path(name), "1.2.3, compiler") for name in chart.LABELS]
        figures = {row.name: {peer.name: [5000.0, 7.5, 2.25] for peer in peers} for row in ROWS}
        return report.make_record(ROWS, peers, [], Measurements(figures), repeats=3)

    def test_the_chart_is_xml_and_stays_inside_its_width(self):
        for element in ElementTree.fromstring(chart.draw(self.record())).iter():
            for name in ("x", "x1", "x2"):
                self.assertTrue(0 <= float(element.get(name, 0)) <= chart.WIDTH)

    def test_the_table_has_two_lines_a_row_under_its_head(self):
        self.assertEqual(len(report.table(self.record()).splitlines()), 1 + 2 * len(ROWS))


class Constants(unittest.TestCase):
    """The three languages repeat the sizes of the rows."""

    def numbers(self, pattern: str, *files: str) -> dict[str, int]:
        text = "\n".join((BENCH / file).read_text() for file in files)
        return {name.replace("_", "").lower(): int(value.replace("_", "")) for name, value in re.findall(pattern, text)}

    def test_the_sizes_are_the_same_in_c_go_and_rust(self):
        in_c = self.numbers(r"BENCH_(\w+) = (\d+),", "bench.h")
        files = ("executor", "post", "sync", "tasks", "timers")
        in_go = self.numbers(r"\t(\w+) += (\d+)\n", *(f"go/{name}.go" for name in files))
        in_rust = self.numbers(r"const (\w+): \w+ = ([\d_]+);", *(f"tokio/src/{name}.rs" for name in files))
        for other in (in_go, in_rust):
            shared = in_c.keys() & other.keys()
            self.assertGreater(len(shared), 20)
            self.assertEqual({name: in_c[name] for name in shared}, {name: other[name] for name in shared})


class Names(unittest.TestCase):
    """The programs and README.md repeat the names of the rows."""

    UNITS = {row.name: row.unit for row in ROWS}

    def rows_in(self, file: str) -> dict[str, str]:
        found = re.findall(r'[({]"(\w+)", "(ns|B)", ', (BENCH / file).read_text())
        self.assertEqual(len(found), len(dict(found)))
        return dict(found)

    def test_hoop_has_every_row(self):
        self.assertEqual(self.rows_in("hoop/main.c"), self.UNITS)

    def test_the_peers_have_no_other_row(self):
        for file in ("bare/bare.c", "go/main.go", "libuv/libuv.c", "tokio/src/main.rs"):
            in_peer = self.rows_in(file)
            self.assertTrue(in_peer)
            self.assertLessEqual(in_peer.items(), self.UNITS.items())

    def test_each_row_is_explained(self):
        headings = re.findall(r"^### (.+)$", (BENCH / "README.md").read_text(), re.MULTILINE)
        self.assertCountEqual(re.findall(r"`(\w+)`", " ".join(headings)), self.UNITS)


if __name__ == "__main__":
    unittest.main()
