#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds docs/asyncio-map.md against Python's names, hoop's headers and hoop's tests.

    tests/docs/asyncio_map.py [ROOT]        prints TAP

Each rule is a function that takes the repository's root and yields its violations, one text each. Before a rule judges
the repository it is shown a small tree that breaks it.
"""

import errno
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tap import Tap  # noqa: E402

MAP = "docs/asyncio-map.md"
PYTHON = "tests/docs/asyncio-3.14.txt"
NOTHING = "—"

CODE = re.compile(r"`([^`]+)`")
HOOP = re.compile(r"\b(?:hoop|HOOP)_\w+(?:\.\w+)?")
REFERENCE = re.compile(r"`(api|unit|stress)/(\w+): (\w+)`")
LISTED = re.compile(r"BEHAVIOUR\((\w+)\)")


class Row(NamedTuple):
    line: int
    name: str  # asyncio's, without the backticks
    hoop: str
    differences: str
    test: str


# ---- reading -----------------------------------------------------------------


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table_lines(root: Path) -> Iterator[tuple[int, str]]:
    """What is in the tables, but for their heads."""
    for number, line in enumerate((root / MAP).read_text().splitlines(), 1):
        if line.startswith("|") and not line.startswith("|-") and cells(line)[0] != "asyncio":
            yield number, line


def rows(root: Path) -> list[Row]:
    return [Row(number, found[0].strip("`"), *found[1:]) for number, line in table_lines(root)
            if len(found := cells(line)) == 4]


def other_names(root: Path) -> set[str]:
    """The names below the tables, with * for anything."""
    text = (root / MAP).read_text()
    return set(CODE.findall(text[text.rfind("\n|"):].partition("\n#")[2]))


def python_names(root: Path) -> Iterator[tuple[str, str]]:
    """(page, name)"""
    for line in (root / PYTHON).read_text().splitlines():
        if not line.startswith("#"):
            page, _, name = line.partition(" ")
            yield page, name


def declared(root: Path) -> set[str]:
    """The words of the public headers, but for their comments."""
    texts = (path.read_text() for path in (root / "include").rglob("*.h"))
    return {word for text in texts for word in re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", text, flags=re.S))}


def environment(root: Path) -> set[str]:
    texts = (path.read_text() for path in (root / "src").rglob("*.c"))
    return {name for text in texts for name in re.findall(r'getenv\("(\w+)"\)', text)}


def uses(path: Path, row: Row) -> bool:
    """Does the test in PATH use anything of hoop's in ROW?"""
    words = set(re.findall(r"\w+", path.read_text()))
    return any(set(re.findall(r"\w+", name)) & words for name in CODE.findall(row.hoop))


# ---- the rules ---------------------------------------------------------------


def each_row_is_whole(root: Path) -> Iterator[str]:
    for number, line in table_lines(root):
        found = cells(line)
        if len(found) != 4 or not re.fullmatch(r"`[^`]+`", found[0]):
            yield f"{MAP}:{number}: not name, hoop's name, differences, test: {line}"


def each_name_of_hoop_is_declared(root: Path) -> Iterator[str]:
    words, variables = declared(root), environment(root)
    for number, line in enumerate((root / MAP).read_text().splitlines(), 1):
        for name in HOOP.findall(line):
            if not set(name.split(".")) <= words and name not in variables:
                yield f"{MAP}:{number}: {name} is in no public header"


def each_row_has_a_name_and_a_test_or_a_reason(root: Path) -> Iterator[str]:
    for row in rows(root):
        names = CODE.findall(row.hoop)
        if row.hoop == NOTHING:
            if row.differences == "" or row.test != "":
                yield f"{MAP}:{row.line}: {row.name} needs a reason, and no test"
        elif not names or CODE.sub("", row.hoop).strip(", ") or not REFERENCE.fullmatch(row.test):
            yield f"{MAP}:{row.line}: {row.name} needs names in hoop, or {NOTHING}, and a test"
        for name in names:
            if not HOOP.fullmatch(name) and not (name[:1] == "-" and hasattr(errno, name[1:])):
                yield f"{MAP}:{row.line}: {name} is neither hoop's nor -E..."


def each_test_exists_and_is_about_its_row(root: Path) -> Iterator[str]:
    for row in rows(root):
        for folder, file, behaviour in REFERENCE.findall(row.test):
            path = root / "tests" / folder / f"{file}.c"
            if not path.is_file():
                yield f"{MAP}:{row.line}: no file {folder}/{file}.c"
            elif behaviour not in LISTED.findall(path.read_text()):
                yield f"{MAP}:{row.line}: {folder}/{file}.c has no {behaviour}"
            elif not uses(path, row):
                yield f"{MAP}:{row.line}: {folder}/{file}.c uses nothing of {row.hoop}"


def each_name_of_asyncio_occurs_once(root: Path) -> Iterator[str]:
    seen = set()
    for row in rows(root):
        if row.name in seen or any(fnmatchcase(row.name, other) for other in other_names(root)):
            yield f"{MAP}:{row.line}: {row.name} is there twice"
        seen.add(row.name)


def each_name_of_python_is_there_and_no_other(root: Path) -> Iterator[str]:
    here, others, names = {row.name for row in rows(root)}, other_names(root), set()
    for page, name in python_names(root):
        names.add(name)
        if name not in here and not any(fnmatchcase(name, other) for other in others):
            yield f"{MAP} lacks {name} ({page})"
    for name in here - names:
        yield f"{MAP}: Python has no {name}"
    for other in others:
        if not any(fnmatchcase(name, other) for name in names):
            yield f"{MAP}: Python has no {other}"


def each_reference_to_a_row_finds_it(root: Path) -> Iterator[str]:
    names = {row.name for row in rows(root)}
    for row in rows(root):
        for name in re.findall(r"(?:as for|see) `([^`]+)`", row.differences):
            if name not in names or name == row.name:
                yield f"{MAP}:{row.line}: no row {name}"


# ---- what each rule must catch -----------------------------------------------

ROW = "| `{}` | {} | {} | {} |\n"
TEST = "`api/run: it_runs`"
HEAD = "# A map\n\n| asyncio | hoop | differences | test |\n|---|---|---|---|\n"
ROWS = (ROW.format("run", "`hoop_run`, `hoop_options.debug`", "see `Task`, `HOOP_DEBUG`", TEST)
        + ROW.format("Task", "`-ECANCELED`", "", "`api/run: it_ends`")
        + ROW.format("get_coro", NOTHING, "as for `Task`", "")
        + ROW.format("subprocess.PIPE", "`hoop_run`", "", TEST))
TAIL = "\n## Others\n\n`loop.sock_*`.\n"

# A small tree that keeps every rule.
GOOD = {
    MAP: HEAD + ROWS + TAIL,
    PYTHON: "# Names\nrunner run\ntask Task\ntask get_coro\neventloop loop.sock_send\nsubprocess subprocess.PIPE\n",
    "include/hoop.h": "/* hoop_gone */ struct hoop_options { int debug; }; int hoop_run(void);\n",
    "src/loop/loop.c": 'getenv("HOOP_DEBUG");\n',
    "tests/api/run.c": "IN_A_TASK(it_rests) BEHAVIOUR(it_runs), OWN_BEHAVIOUR(it_ends), hoop_run(-ECANCELED)\n",
    "tests/api/empty.c": "BEHAVIOUR(it_is_empty)\n",
}

# For each rule, tables that break it.
BROKEN: dict[Callable[[Path], Iterator[str]], list[str]] = {
    each_row_is_whole: [ROWS + "| `wait` | `hoop_run` | |\n", ROWS + f"| wait | `hoop_run` | | {TEST} |\n"],
    each_name_of_hoop_is_declared: [
        ROWS.replace("hoop_run", "hoop_gone"),
        ROWS.replace("hoop_options.debug", "hoop_options.gone"),
        ROWS.replace("HOOP_DEBUG", "HOOP_GONE"),
    ],
    each_row_has_a_name_and_a_test_or_a_reason: [
        ROWS.replace("as for `Task`", ""),
        ROWS.replace(f"| {NOTHING} |", "| |"),
        ROWS.replace("-ECANCELED", "-ENOSUCHERROR"),
        ROWS.replace("`-ECANCELED`", "ECANCELED"),
        ROWS.replace(TEST, ""),
        ROWS.replace(TEST, "`run: it_runs`"),
        ROWS + ROW.format("wait", NOTHING, "why", TEST),
    ],
    each_test_exists_and_is_about_its_row: [
        ROWS.replace("api/run", "api/gone"),
        ROWS.replace("api/run", "unit/run"),
        ROWS.replace("it_runs", "it_rests"),
        ROWS.replace(TEST, "`api/empty: it_is_empty`"),
    ],
    each_name_of_asyncio_occurs_once: [
        ROWS + ROW.format("run", "`hoop_run`", "", TEST),
        ROWS + ROW.format("loop.sock_send", "`hoop_run`", "", TEST),
    ],
    each_name_of_python_is_there_and_no_other: [
        ROWS.replace("`Task`", "`Tusk`"),
        *(ROWS.replace(row, "") for row in ROWS.splitlines(keepends=True)),
        ROWS + ROW.format("wait", "`hoop_run`", "", TEST),
        ROWS + "\n## Gone\n\n`loop.gone_*`\n",
    ],
    each_reference_to_a_row_finds_it: [
        ROWS.replace("as for `Task`", "as for `Tusk`"),
        ROWS.replace("as for `Task`", "as for `get_coro`"),
    ],
}


def judge(rule: Callable[[Path], Iterator[str]], tree: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in tree.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(rule(Path(folder)))


def blind_spots(rule: Callable[[Path], Iterator[str]]) -> Iterator[str]:
    for violation in judge(rule, GOOD):
        yield f"complains without need: {violation}"
    for table in BROKEN[rule]:
        if not judge(rule, GOOD | {MAP: HEAD + table + TAIL}):
            yield f"overlooks what is wrong in\n{table}"


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent).resolve()
    tap = Tap()
    tap.test("there are names of Python and rows", len(list(python_names(root))) > 300 and len(rows(root)) > 300)
    for rule in BROKEN:
        name = rule.__name__.replace("_", " ")
        missed = list(blind_spots(rule))
        tap.test(f"can tell whether {name}", not missed, "\n".join(missed))
        violations = list(rule(root))
        tap.test(name, not violations, "\n".join(violations))
    tap.done()


if __name__ == "__main__":
    main()
