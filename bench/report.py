# SPDX-License-Identifier: MIT
"""What a run found: the record that goes into a file, and the table on the terminal.

The record is plain data, so that the chart can be drawn again from the file. It names no host, no user and no path.
"""

import datetime
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import rows as rows_module
from measure import Measurements
from peers import Peer
from rows import FLOOR, Row


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _machine() -> dict:
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        "kernel": platform.release(),
    }


def _row_record(row: Row, figures: dict[str, list[float]], rates: dict[str, list[float]]) -> dict:
    medians = {peer: statistics.median(values) for peer, values in figures.items()}
    return {
        "title": row.title,
        "unit": row.unit,
        "per": row.per,
        "target": str(row.target) or None,
        "target_value": rows_module.target_value(row, medians),
        "medians": medians,
        "figures": figures,
        "rates": {peer: statistics.median(values) for peer, values in rates.items()},  # medians, a second
        **asdict(rows_module.judge(row, medians)),
    }


def make_record(
    subject: str,
    rows: Sequence[Row],
    peers: Sequence[Peer],
    skipped: Sequence[str],
    measured: Measurements,
    repeats: int,
) -> dict:
    return {
        "subject": subject,
        "date": datetime.date.today().isoformat(),
        "machine": _machine(),
        "repeats": repeats,
        "peers": {peer.name: peer.version for peer in peers},
        "skipped": list(skipped),
        "failed": sorted(measured.failures),
        "rows": {
            row.name: _row_record(row, measured.figures[row.name], measured.rates.get(row.name, {}))
            for row in rows
            if row.name in measured.figures
        },
    }


def number(value: float) -> str:
    """Three digits that count; thousands with a comma."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rate(row: dict, peer: str) -> str:
    """How many operations a second, briefly: "243k/s", or for KiB "2.7 GiB/s"; "" where none is told."""
    value = row["rates"].get(peer)
    if value is None:
        return ""
    if row["per"] == "KiB":
        return f"{number(value / 2**20)} GiB/s"
    return f"{number(value / 1000)}k/s"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _lines_of(name: str, row: dict, peers: Sequence[str]) -> list[list[str]]:
    """A row's lines: the medians with the verdict; the smallest and the largest figure; of the network, the rates."""
    upper, lower = [name], [row["unit"]]
    for peer in peers:
        figures = row["figures"].get(peer)
        upper.append(number(row["medians"][peer]) if figures else "-")
        lower.append(f"{number(min(figures))}–{number(max(figures))}" if figures else "")
    best = f"{_ratio(row['to_best'])} {row['best_peer']}" if row["to_best"] is not None else ""
    upper += [best, *([_ratio(row["to_floor"])] if FLOOR in peers else []), row["target"] or "", row["verdict"] or ""]
    lines = [upper, lower]
    if row["rates"]:
        lines.append(["", *(rate(row, peer) for peer in peers)])
    return lines


def table(record: dict) -> str:
    """The record as an aligned table: names to the left, figures to the right."""
    peers = list(record["peers"])
    head = ["row", *peers, "hoop/best", *(["hoop/bare"] if FLOOR in peers else []), "target", "verdict"]
    lines = [head]
    for name, row in record["rows"].items():
        lines += [line + [""] * (len(head) - len(line)) for line in _lines_of(name, row, peers)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    is_figure = range(1, len(peers) + 1)

    def align(column: int, cell: str) -> str:
        return cell.rjust(widths[column]) if column in is_figure else cell.ljust(widths[column])

    return "\n".join("  ".join(align(i, cell) for i, cell in enumerate(line)).rstrip() for line in lines)
