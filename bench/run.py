#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures hoop against its peers: builds them, runs all programs interleaved, prints tables and draws charts.

There is a table of C, one of Python on the interpreter that runs this, and one of Python 3.14, for which this runs once
more. A whole run writes TABLE.json and TABLE.svg to bench/results/; one narrowed by --rows, --peers or --quick writes
them to build-bench/results/. A missed target is a verdict, not an error: the exit code is 1 only when hoop's own
program fails.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import chart
import loops
import peers as peers_module
import report
from measure import measure, say
from network import Network
from peers import Peer, Skipped
from python_rows import PYTHON_ROWS
from rows import HOOP, ROWS, Row

BUSY_LOAD = 1.0  # other work on the machine, before the first row
NEWEST = "3.14"
NEWEST_TABLE = f"python-{NEWEST}"
TABLES = ("c", "python", NEWEST_TABLE)


@dataclass(frozen=True)
class Table:
    name: str  # of its files
    subject: str
    rows: tuple[Row, ...]
    peers: dict[str, Callable[[], Peer]]  # hoop's first
    repeats: int


def make_table(name: str, hoop: Path | None) -> Table:
    if name == "c":
        peers = {HOOP: lambda: peers_module.find_hoop(hoop), **peers_module.BUILDERS}
        return Table("c", "libhoop", ROWS, peers, repeats=5)
    return Table(f"python-{loops.VERSION}", f"hoop on Python {loops.VERSION}", PYTHON_ROWS, loops.FINDERS, repeats=3)


def names_of(choices: list[str]) -> list[str]:
    return list(dict.fromkeys(choices))  # two tables may have the same


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rows = names_of([row.name for row in (*ROWS, *PYTHON_ROWS)])
    peers = names_of([name for name in (*peers_module.BUILDERS, *loops.FINDERS) if name != HOOP])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES, help="(default: all)")
    parser.add_argument("--repeats", type=int, help="runs of each row (default 5, of Python 3)")
    parser.add_argument("--rows", nargs="+", choices=rows, metavar="ROW", help=f"of {', '.join(rows)}")
    parser.add_argument("--peers", nargs="*", choices=peers, metavar="PEER", help=f"of {', '.join(peers)}")
    parser.add_argument("--quick", action="store_true", help="one repeat, to see that all works")
    parser.add_argument("--hoop", type=Path, metavar="PATH", help="hoop's program in C, if not build/bench/hoop_bench")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where TABLE.json and TABLE.svg go")
    arguments = parser.parse_args()
    if arguments.quick and arguments.repeats is None:
        arguments.repeats = 1
    if arguments.repeats is not None and arguments.repeats < 1:
        parser.error("--repeats must be 1 or more")
    return arguments


def chosen(rows: tuple[Row, ...], arguments: argparse.Namespace) -> list[Row]:
    return [row for row in rows if arguments.rows is None or row.name in arguments.rows]


def results_folder(arguments: argparse.Namespace) -> Path:
    if arguments.results is not None:
        return arguments.results
    is_whole = arguments.rows is None and arguments.peers is None and not arguments.quick
    return (peers_module.BENCH if is_whole else peers_module.BUILD) / "results"


def gather(table: Table, wanted: list[str] | None) -> tuple[list[Peer], list[str]]:
    """The programs that take part, hoop's first, and the names of those that cannot."""
    found, skipped = [], []
    for name, find in table.peers.items():
        if name != HOOP and wanted is not None and name not in wanted:
            continue
        try:
            found.append(find())
            say(f"{name}: {found[-1].version}")
        except Skipped as reason:
            skipped.append(name)
            say(f"*** {name} SKIPPED: {reason}")
    return found, skipped


def prepare_network(rows: list[Row], is_quick: bool) -> Network | None:
    """What the rows of the network need, if there are any and it can be had."""
    if all(row.load is None for row in rows):
        return None
    try:
        return Network(peers_module.build_load(), peers_module.BUILD, is_quick)
    except Skipped as reason:
        say(f"*** the rows of the network are SKIPPED: {reason}")
        return None


def write(record: dict, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    (folder / f"{name}.svg").write_text(chart.draw(record))
    say(f"written: {folder}/{name}.json, {folder}/{name}.svg")


def run_table(table: Table, arguments: argparse.Namespace) -> bool:
    """Whether hoop's own program did what it should."""
    rows = chosen(table.rows, arguments)
    if not rows:
        return True
    say(f"{table.subject}:")
    load = os.getloadavg()[0]  # before the compilers add theirs
    found, skipped = gather(table, arguments.peers)
    if not found:
        say("nothing to measure")
        return True
    if load > BUSY_LOAD:
        say(f"*** this machine is busy (load {load:.1f}): expect noise")
    repeats = arguments.repeats or table.repeats
    measured = measure(found, rows, repeats, prepare_network(rows, arguments.quick))
    record = report.make_record(table.subject, rows, found, skipped, measured, repeats)
    print(report.table(record), flush=True)
    write(record, results_folder(arguments), table.name)
    return HOOP not in measured.failures


def run_newest(arguments: argparse.Namespace) -> bool:
    """Has this run once more by the newest Python, which may be in a system of its own."""
    if loops.VERSION == NEWEST:
        say(f"*** Python {NEWEST} SKIPPED: it is the one that runs this")
        return True
    pythons = peers_module.ROOT / "tools" / "pythons.sh"
    found = subprocess.run([pythons, "find", NEWEST], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        say(f"*** Python {NEWEST} SKIPPED: {found.stdout.strip()}")
        return True
    words = [*sys.argv[1:], "--tables", "python", "--results", results_folder(arguments).resolve()]
    command = [pythons, "run", NEWEST, "python3", "bench/run.py", *words]
    environment = os.environ | {peers_module.COMMIT: peers_module.commit()}
    return subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode == 0


def main() -> int:
    arguments = parse_arguments()
    peers_module.BUILD.mkdir(exist_ok=True)
    results = []
    for name in arguments.tables:
        if name != NEWEST_TABLE:
            results.append(run_table(make_table(name, arguments.hoop), arguments))
        elif chosen(PYTHON_ROWS, arguments):
            results.append(run_newest(arguments))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
