# SPDX-License-Identifier: MIT
"""Draws the record as an SVG: one small panel a row, each with a linear scale of its own.

Run alone, `python3 bench/chart.py RECORD.json CHART.svg` draws a record again.
"""

import json
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from report import number, rate
from rows import FLOOR, HOOP

WIDTH = 1000
MARGIN = 28
GAP = 44  # between the two columns of panels
PANEL_WIDTH = (WIDTH - 2 * MARGIN - GAP) / 2
HEADER = 92
FOOTER = 34
TITLE = 50  # the part of a panel above its bars
BAR = 17
BAR_STEP = 24
PANEL_GAP = 22
LABEL_WIDTH = 52
VALUE_WIDTH = 72  # room for the figure to the right of the longest bar
RATE_WIDTH = 76  # and for the operations a second, in the rows that tell them

LABELS = {  # in the order of the bars
    "hoop": "hoop",
    "tokio": "Tokio",
    "go": "Go",
    "libuv": "libuv",
    "uvloop": "uvloop",
    "asyncio": "asyncio",
    "bare": "bare",
}
COLOURS = {
    "hoop": "#d9480f",
    "tokio": "#8f8ab8",
    "go": "#62a8c9",
    "libuv": "#87b38d",
    "uvloop": "#87b38d",
    "asyncio": "#d9b44a",
    "bare": "#b9b9b2",
}
VERDICT_COLOURS = {"met": "#2b7a3d", "tie": "#8a6d00", "missed": "#b42318"}
INK, PALE_INK, BACKGROUND, LINE = "#1f2328", "#5f6670", "#fcfcfa", "#dddcd6"
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def _text(x: float, y: float, text: str, size: int = 12, colour: str = INK, anchor: str = "start", bold: bool = False):
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"{dashes}/>'
    )


def _verdict(row: dict) -> str:
    """hoop's figure against the best peer or the floor, and whether the target is met."""
    parts = []
    if row["to_best"] is not None:
        parts.append(f"{row['to_best']:.2f} × {LABELS[row['best_peer']]}")
    if row["to_floor"] is not None:
        parts.append(f"{row['to_floor']:.2f} × bare")
    if row["verdict"] is not None:
        parts.append({"met": "target met", "tie": "tie", "missed": "target missed"}[row["verdict"]])
    return ", ".join(parts)


def _value_place(end: float, text: str, target: float | None) -> float:
    """Where a bar's figure begins: behind the bar, and behind the target's line if that would run through it."""
    place = end + 6
    text_width = 9 * len(text)
    if target is not None and place - 3 < target < place + text_width:
        return target + 6
    return place


def _bar(row: dict, peer: str, left: float, y: float, per_unit: float) -> list[str]:
    figures, median = row["figures"][peer], row["medians"][peer]
    is_hoop = peer == HOOP
    middle = y + BAR / 2
    low, high = left + min(figures) * per_unit, left + max(figures) * per_unit
    target = left + row["target_value"] * per_unit if row["target_value"] is not None else None
    value = "   ".join(filter(None, (number(median), rate(row, peer))))
    return [
        _text(left - 8, middle + 4, LABELS[peer], 12, INK if is_hoop else PALE_INK, "end", is_hoop),
        f'<rect x="{left:.1f}" y="{y:.1f}" width="{max(median * per_unit, 1):.1f}" height="{BAR}" '
        f'fill="{COLOURS[peer]}"/>',
        _line(low, middle, high, middle, INK, 1),
        _text(_value_place(high, value, target), middle + 4, value, 12, INK, "start", is_hoop),
    ]


def _target_mark(row: dict, left: float, top: float, bottom: float, per_unit: float) -> list[str]:
    """A dashed line at the target's value, named above the bars, away from the panel's edge."""
    x = left + row["target_value"] * per_unit
    is_near_edge = x > left + (PANEL_WIDTH - LABEL_WIDTH) * 0.6
    label = f"target {row['target']}"
    return [
        _line(x, top - 12, x, bottom + 3, INK, 1.4, "4 3"),
        _text(x - 5 if is_near_edge else x + 5, top - 5, label, 11, INK, "end" if is_near_edge else "start"),
    ]


def _panel(row: dict, x: float, y: float) -> list[str]:
    peers = [peer for peer in LABELS if peer in row["figures"]]
    largest = max([row["target_value"] or 0, *(max(figures) for figures in row["figures"].values())])
    left, top = x + LABEL_WIDTH, y + TITLE
    bottom = top + len(peers) * BAR_STEP - (BAR_STEP - BAR)
    room = VALUE_WIDTH + (RATE_WIDTH if row["rates"] else 0)
    per_unit = (PANEL_WIDTH - LABEL_WIDTH - room) / (largest or 1)
    unit = {"ns": "nanoseconds", "B": "resident bytes"}[row["unit"]]
    if row["rates"]:
        unit = "server CPU time, ns"
    unit += f" {'an' if row['per'][0] in 'aeio' else 'a'} {row['per']}"
    parts = [
        _text(x, y + 14, row["title"], 14, INK, bold=True),
        _text(x, y + 30, unit, 11, PALE_INK),
        _text(x + PANEL_WIDTH, y + 30, _verdict(row), 11, VERDICT_COLOURS.get(row["verdict"], PALE_INK), "end"),
        _line(left, top - 4, left, bottom + 4, LINE, 1),
    ]
    for i, peer in enumerate(peers):
        parts += _bar(row, peer, left, top + i * BAR_STEP, per_unit)
    if row["target_value"] is not None:
        parts += _target_mark(row, left, top, bottom, per_unit)
    elif row["target"]:
        parts.append(_text(left, top - 5, f"target: {row['target']} of every peer", 11))
    return parts


def _header(record: dict) -> list[str]:
    machine = record["machine"]
    peers = [LABELS[name] for name in LABELS if name in record["peers"] and name not in (HOOP, FLOOR)]
    title = (
        f"{record['subject']} against {', '.join(peers[:-1])} and {peers[-1]}"
        if len(peers) > 1
        else " against ".join([record["subject"], *peers])
    )
    lines = [
        f"Medians of {record['repeats']} interleaved runs; thin lines go from the smallest to the largest figure. "
        "Shorter is better; each panel has its own linear scale.",
        f"{machine['processors']} × {machine['processor']}, Linux {machine['kernel']}, {record['date']}.",
    ]
    if record["skipped"]:
        lines[1] += f" Not measured here: {', '.join(LABELS[name] for name in record['skipped'])}."
    return [
        _text(MARGIN, MARGIN + 12, title, 20, INK, bold=True),
        *(_text(MARGIN, MARGIN + 34 + 17 * i, line, 12, PALE_INK) for i, line in enumerate(lines)),
    ]


def _footer(record: dict) -> str:
    """Who was measured: each peer's version, without its compiler's."""
    versions = {name: version.split(", ")[0] for name, version in record["peers"].items()}
    return "; ".join(f"{LABELS[name]}: {versions[name]}" for name in LABELS if name in versions)


def draw(record: dict) -> str:
    """The SVG's text. Panels go in pairs, left to right and down; a pair is as high as its higher panel."""
    parts = _header(record)
    rows = [row for row in record["rows"].values() if row["figures"]]
    y = HEADER + MARGIN / 2
    for first in range(0, len(rows), 2):
        pair = rows[first : first + 2]
        for column, row in enumerate(pair):
            parts += _panel(row, MARGIN + column * (PANEL_WIDTH + GAP), y)
        y += TITLE + max(len(row["figures"]) for row in pair) * BAR_STEP + PANEL_GAP
    parts.append(_text(MARGIN, y + 8, _footer(record), 11, PALE_INK))
    height = y + FOOTER
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="{FONT}">',
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="{BACKGROUND}"/>',
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(json.loads(Path(sys.argv[1]).read_text())))
