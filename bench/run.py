#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures libhoop against its peers: builds them, runs all programs interleaved, prints a table and draws a chart.

A whole run writes c.json and c.svg to bench/results/; one narrowed by --rows, --peers or --quick writes them to
build-bench/results/. A missed target is a verdict, not an error: the exit code is 1 only when hoop's own program fails.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import chart
import peers as peers_module
import report
from measure import measure, say
from network import Network
from peers import Peer, Skipped
from rows import HOOP, ROWS, Row

BUSY_LOAD = 1.0  # other work on the machine, before the first row


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, builders = [row.name for row in ROWS], list(peers_module.BUILDERS)
    parser.add_argument("--repeats", type=int, help="runs of each row (default 5)")
    parser.add_argument("--rows", nargs="+", choices=names, metavar="ROW", help=f"of {', '.join(names)}")
    parser.add_argument("--peers", nargs="*", choices=builders, metavar="PEER", help=f"of {', '.join(builders)}")
    parser.add_argument("--quick", action="store_true", help="one repeat, to see that all works")
    parser.add_argument("--hoop", type=Path, metavar="PATH", help="hoop's program, if not build/bench/hoop_bench")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where c.json and c.svg go")
    arguments = parser.parse_args()
    if arguments.repeats is None:
        arguments.repeats = 1 if arguments.quick else 5
    if arguments.repeats < 1:
        parser.error("--repeats must be 1 or more")
    return arguments


def results_folder(arguments: argparse.Namespace) -> Path:
    if arguments.results is not None:
        return arguments.results
    is_whole = arguments.rows is None and arguments.peers is None and not arguments.quick
    return (peers_module.BENCH if is_whole else peers_module.BUILD) / "results"


def gather(arguments: argparse.Namespace) -> tuple[list[Peer], list[str]]:
    """The programs that take part, hoop's first, and the names of those that cannot."""
    wanted = list(peers_module.BUILDERS) if arguments.peers is None else arguments.peers
    found, skipped = [], []
    for name in [HOOP, *wanted]:
        try:
            found.append(peers_module.find_hoop(arguments.hoop) if name == HOOP else peers_module.BUILDERS[name]())
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


def write(record: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "c.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    (folder / "c.svg").write_text(chart.draw(record))
    say(f"written: {folder}/c.json, {folder}/c.svg")


def main() -> int:
    arguments = parse_arguments()
    peers_module.BUILD.mkdir(exist_ok=True)
    load = os.getloadavg()[0]  # before the compilers add theirs
    found, skipped = gather(arguments)
    if not found:
        say("nothing to measure")
        return 0
    if load > BUSY_LOAD:
        say(f"*** this machine is busy (load {load:.1f}): expect noise")
    rows = [row for row in ROWS if arguments.rows is None or row.name in arguments.rows]
    measured = measure(found, rows, arguments.repeats, prepare_network(rows, arguments.quick))
    record = report.make_record("libhoop", rows, found, skipped, measured, arguments.repeats)
    print(report.table(record))
    write(record, results_folder(arguments))
    return 1 if HOOP in measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
