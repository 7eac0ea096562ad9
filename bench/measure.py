# SPDX-License-Identifier: MIT
"""Runs the programs, interleaved, and collects their figures.

The contract of a program: `--list` prints its rows, one a line; `ROW` does that row once and prints one JSON line with
"row", "value" and "unit". In a row of the network the program serves instead; see network.py.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from network import Network
from peers import Command, Failed, Peer
from rows import Row

TIMEOUT_SECONDS = 300


@dataclass
class Measurements:
    figures: dict[str, dict[str, list[float]]]  # by row, by peer; one figure a repeat
    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # likewise, a second; of the network
    failures: dict[str, list[str]] = field(default_factory=dict)  # by peer


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _output_of(program: Command, word: str) -> str:
    try:
        done = subprocess.run([*program, word], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{word}: no answer in {TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise Failed(f"{word}: {error.strerror}") from None
    if done.returncode != 0:
        last_lines = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise Failed(f"{word}: ended with {done.returncode}: {last_lines}")
    return done.stdout


def _programs_of(peer: Peer, rows: Sequence[Row]) -> dict[str, Command]:
    """By row, which of the peer's programs has it."""
    found = {}
    for program in (peer.program, *peer.others):
        words = set(_output_of(program, "--list").split())
        found |= {row.name: program for row in rows if row.needs in words}
    return found


def run_row(program: Command, row: Row) -> float:
    output = _output_of(program, row.name)
    try:
        answer = json.loads(output)
        value = float(answer["value"])
        is_right = answer["row"] == row.name and answer["unit"] == row.unit and value >= 0
    except (ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise Failed(f"{row.name}: not the line that was expected: {output.strip()[:200]!r}")
    return value


def measure(
    peers: Sequence[Peer], rows: Sequence[Row], repeats: int, network: Network | None = None
) -> Measurements:
    """In each repeat every row, in each row every peer; a peer's turn in the row moves by one with each repeat.

    A row that failed in a program is not tried again in it. Without a network the rows that have a load are left out.
    """
    rows = [row for row in rows if row.load is None or network is not None]
    result = Measurements(
        figures={row.name: {} for row in rows}, rates={row.name: {} for row in rows if row.load is not None}
    )

    def fail(peer: Peer, error: Failed) -> None:
        say(f"*** {peer.name} FAILED: {error}")
        result.failures.setdefault(peer.name, []).append(str(error))

    def run(peer: Peer, row: Row, program: Command) -> None:
        if row.load is None:
            value = run_row(program, row)
        else:
            value, rate = network.run(program, row)
            result.rates[row.name].setdefault(peer.name, []).append(rate)
        result.figures[row.name].setdefault(peer.name, []).append(value)

    programs: dict[str, dict[str, Command]] = {}
    for peer in peers:
        try:
            programs[peer.name] = _programs_of(peer, rows)
        except Failed as error:
            programs[peer.name] = {}
            fail(peer, error)
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}")
        turns = [*peers[repeat % len(peers) :], *peers[: repeat % len(peers)]]
        for row in rows:
            for peer in turns:
                if row.name not in programs[peer.name]:
                    continue
                try:
                    run(peer, row, programs[peer.name][row.name])
                except Failed as error:
                    del programs[peer.name][row.name]
                    result.figures[row.name].pop(peer.name, None)
                    result.rates.get(row.name, {}).pop(peer.name, None)
                    fail(peer, error)
    return result
