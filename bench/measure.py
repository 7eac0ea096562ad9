# SPDX-License-Identifier: MIT
"""Runs the programs, interleaved, and collects their figures.

The contract of a program: `--list` prints its rows, one a line; `ROW` does that row once and prints one JSON line with
"row", "value" and "unit".
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from peers import Peer
from rows import Row

TIMEOUT_SECONDS = 300


class Failed(Exception):
    """A program did not do what the contract says."""


@dataclass
class Measurements:
    figures: dict[str, dict[str, list[float]]]  # by row, by peer; one figure a repeat
    failures: dict[str, list[str]] = field(default_factory=dict)  # by peer


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _output_of(peer: Peer, word: str) -> str:
    try:
        done = subprocess.run([peer.program, word], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{word}: no answer in {TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise Failed(f"{word}: {error.strerror}") from None
    if done.returncode != 0:
        last_lines = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise Failed(f"{word}: ended with {done.returncode}: {last_lines}")
    return done.stdout


def list_rows(peer: Peer) -> list[str]:
    return _output_of(peer, "--list").split()


def run_row(peer: Peer, row: Row) -> float:
    output = _output_of(peer, row.name)
    try:
        answer = json.loads(output)
        value = float(answer["value"])
        is_right = answer["row"] == row.name and answer["unit"] == row.unit and value >= 0
    except (ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise Failed(f"{row.name}: not the line that was expected: {output.strip()[:200]!r}")
    return value


def measure(peers: Sequence[Peer], rows: Sequence[Row], repeats: int) -> Measurements:
    """In each repeat every row, in each row every peer; a peer's turn in the row moves by one with each repeat.

    A row that failed in a program is not tried again in it.
    """
    result = Measurements(figures={row.name: {} for row in rows})

    def fail(peer: Peer, error: Failed) -> None:
        say(f"*** {peer.name} FAILED: {error}")
        result.failures.setdefault(peer.name, []).append(str(error))

    todo: dict[str, set[str]] = {}
    for peer in peers:
        try:
            todo[peer.name] = set(list_rows(peer))
        except Failed as error:
            todo[peer.name] = set()
            fail(peer, error)
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}")
        turns = [*peers[repeat % len(peers) :], *peers[: repeat % len(peers)]]
        for row in rows:
            for peer in turns:
                if row.name not in todo[peer.name]:
                    continue
                try:
                    value = run_row(peer, row)
                    result.figures[row.name].setdefault(peer.name, []).append(value)
                except Failed as error:
                    todo[peer.name].discard(row.name)
                    result.figures[row.name].pop(peer.name, None)
                    fail(peer, error)
    return result
