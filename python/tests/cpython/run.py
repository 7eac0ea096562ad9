#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs CPython's own test.test_asyncio, of the running interpreter's installation, on hoop.

    run.py [--loop MODULE:FUNCTION | --loop asyncio] [MODULE | MODULE.CLASS | MODULE.CLASS.TEST ...]

A module of tests is a process (child.py). One that hangs or crashes costs the test that it was in: the others go on in
a new process. Only tests that made a loop of ours count (and those that failed, whatever they made); those of asyncio's
private parts make loops of their own, or none.

A failed test is excused for one of two reasons only: exceptions.toml names it, or it fails just so on asyncio's own loop
here and now, which is tried. Prints TAP, and at the end what was not passed, and why.
"""

import argparse
import importlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PREFIX = "test.test_asyncio."
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass
class Result:
    test: str  # without the prefix
    outcome: str  # "passed", "failed", "hung", "crashed" or "skipped"
    detail: str  # a traceback, or why it was skipped
    loops: int  # of ours, that the test made

    @property
    def test_class(self) -> str:
        return self.test.rpartition(".")[0]

    @property
    def is_bad(self) -> bool:
        return self.outcome in ("failed", "hung", "crashed")


class Child:
    """A process that runs tests of one module, and its reports one by one."""

    def __init__(self, loop: str, module: str, only: list[str] | None, done: list[str], limit: float) -> None:
        self.limit = limit
        self.log = tempfile.TemporaryFile()
        self.reports, writer = os.pipe()
        # -W default: as CPython runs its tests. A session of its own, so that nothing it started outlives it.
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "default", str(FOLDER / "child.py")],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        order = {"loop": loop, "module": PREFIX + module, "only": only, "done": done, "limit": limit, "fd": writer}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode())
        self.process.stdin.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Ends when the process has nothing more to say, or is silent for longer than its own guard lets it be."""
        unread = b""
        while select.select([self.reports], [], [], self.limit + 30)[0]:
            data = os.read(self.reports, 1 << 16)
            if not data:
                return
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                yield json.loads(line)

    def end(self) -> tuple[int | None, str]:
        """The exit status, None for one that had to be killed, and the end of what it printed."""
        try:
            status: int | None = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.reports)
        self.log.seek(0)
        text = self.log.read().decode(errors="replace")
        self.log.close()
        return status, "\n".join(text.splitlines()[-60:])


def run_module(loop: str, module: str, only: list[str] | None, limit: float) -> Iterator[Result]:
    """The results of a module's tests, in as many processes as it takes."""
    done: list[str] = []
    while True:
        child = Child(loop, module, only, done, limit)
        running, over, before = "", False, len(done)
        for report in child:
            match report["event"]:
                case "start":
                    running = report["test"]
                case "end":
                    running = ""
                    done.append(report["test"])
                    name = report["test"].removeprefix(PREFIX)
                    yield Result(name, report["outcome"], report["detail"], report["loops"])
                case "over":
                    over = True
                    break
        status, log = child.end()
        if over and status == 0:
            return
        outcome = "hung" if status is None or "Timeout (" in log else "crashed"
        name = running.removeprefix(PREFIX) or f"{module} (outside of its tests)"
        yield Result(name, outcome, f"exit status {status}\n{log}", 1)
        done.append(running)
        if over or (not running and len(done) == before + 1):
            return


def applies(entry: dict[str, Any]) -> bool:
    """Whether an entry of exceptions.toml is about this Python."""

    def release(name: str, default: str) -> tuple[int, ...]:
        return tuple(map(int, entry.get(name, default).split(".")))

    return release("since", "3") <= sys.version_info[:3] < release("before", "4")


class Exceptions:
    """exceptions.toml: the tests that cannot pass on any other loop than asyncio's, each with the reason."""

    def __init__(self) -> None:
        with open(FOLDER / "exceptions.toml", "rb") as file:
            entries = tomllib.load(file).get("exception", [])
        named = {f"{entry['class']}.{test}": entry for entry in entries if applies(entry) for test in entry["tests"]}
        self.reasons = {name: entry["reason"] for name, entry in named.items()}
        # Tests are added with patch releases, too.
        self.may_be_missing = {name for name, entry in named.items() if "since" in entry}

    def errors(self, results: dict[str, Result], modules: Iterable[str]) -> Iterator[Result]:
        """Entries that say what is not so."""
        for name in self.reasons:
            if name.partition(".")[0] not in modules:
                continue
            if name not in results:
                if name in self.may_be_missing:
                    continue
                yield Result(f"exceptions.toml: {name}", "failed", f"there is no such test in {VERSION}", 0)
            elif not results[name].is_bad:
                why = f"the test is {results[name].outcome}, and the table says that it fails"
                yield Result(f"exceptions.toml: {name}", "failed", why, 0)


def on_asyncio(failed: list[Result], limit: float) -> dict[str, Result]:
    """How tests go on asyncio's own loop, in the same surroundings."""
    modules: dict[str, list[str]] = {}
    for result in failed:
        if (module := result.test.partition(".")[0]) in test_modules():
            modules.setdefault(module, []).append(PREFIX + result.test)
    return {
        result.test: result
        for module, tests in modules.items()
        for result in run_module("asyncio", module, tests, limit)
    }


def essence(result: Result) -> str:
    """What went wrong, in a line."""
    lines = result.detail.splitlines()
    if result.outcome == "failed":
        # A traceback ends in a line that is not indented, below lines that are; its message may go on after that.
        ends = [line for above, line in zip([""] + lines, lines) if above.startswith("  ") and line[:1].strip()]
        return ends[-1] if ends else lines[-1] if lines else ""
    if result.outcome == "skipped":
        return result.detail
    said = next((line for line in lines if "Assertion" in line or "Fatal Python error" in line), lines[0])
    # faulthandler's stacks: of a crash the current thread's matters, of a hang the main thread's, which is the last.
    stacks = re.findall(r"^(Current thread|Thread) 0x.*\n +(File .*)", result.detail, re.MULTILINE)
    current = [frame for thread, frame in stacks if thread == "Current thread"] or [frame for _, frame in stacks[-1:]]
    return f"{result.outcome}: {said}" + (f", in {current[0]}" if current else "")


class Report:
    """TAP as the tests go, and the lists for the end."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []

    def say(self, outcome: str, name: str, why: str = "") -> None:
        self.counts[outcome] += 1
        number = self.counts.total()
        name = f"{VERSION} {name}".replace("#", "")
        print("not ok" if outcome == "failed" else "ok", number, "-", name, end="")
        print(f" # SKIP {why}" if outcome == "skipped" else "", flush=True)
        if outcome != "passed":
            self.notes.append(f"{outcome}: {name}: {why}")

    def explain(self, text: str) -> None:
        for line in text.splitlines():
            print(f"#   {line}", flush=True)


def test_modules() -> list[str]:
    folder = Path(importlib.import_module("test.test_asyncio").__path__[0])
    return sorted(path.stem for path in folder.glob("test_*.py"))


def run_all(loop: str, selected: list[str], limit: float, report: Report) -> dict[str, Result]:
    """Every result by its test's name; says those that passed as they come."""
    results: dict[str, Result] = {}
    modules = sorted({name.partition(".")[0] for name in selected}) or test_modules()
    for module in modules:
        if module not in test_modules():
            sys.exit(f"CPython {VERSION} has no tests named {module}")
        only = [PREFIX + name for name in selected if name.partition(".")[0] == module]
        for result in run_module(loop, module, only or None, limit):
            results[result.test] = result
            if result.outcome == "passed" and result.loops:
                report.say("passed", result.test)
            elif result.is_bad:
                print(f"# {result.test}: {essence(result)}", flush=True)
    return results


def conclude(results: dict[str, Result], limit: float, loop: str, whole: set[str], report: Report) -> None:
    """Says the tests that did not pass, and whether they may. WHOLE are the modules that were run from end to end."""
    exceptions = Exceptions()
    on_ours = {result.test_class for result in results.values() if result.loops}
    failed = [result for result in results.values() if result.is_bad]
    excused = [result for result in failed if result.test in exceptions.reasons and result.outcome == "failed"]
    others = [result for result in failed if result not in excused]
    native = on_asyncio(others, limit) if loop != "asyncio" else {}
    for result in results.values():
        if result.outcome == "skipped" and result.test_class in on_ours:
            report.say("skipped", result.test, result.detail)
    for result in excused:
        report.say("skipped", result.test, f"fails: {exceptions.reasons[result.test]}")
    for result in others:
        if result.test in native and native[result.test].is_bad:
            why = f"fails on asyncio's own loop here, too: {essence(native[result.test])}"
            report.say("skipped", result.test, why)
        else:
            report.say("failed", result.test, essence(result))
            report.explain(result.detail)
    for error in exceptions.errors(results, whole):
        report.say("failed", error.test, error.detail)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", default="hoop:new_event_loop", help="what makes a loop (%(default)s)")
    parser.add_argument("--limit", type=float, default=120, help="seconds that a test may take (%(default)s)")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="only these, such as test_events.TimerTests")
    options = parser.parse_args()

    start = time.monotonic()
    report = Report()
    results = run_all(options.loop, options.tests, options.limit, report)
    parts = {name.partition(".")[0] for name in options.tests if "." in name}
    whole = {name.partition(".")[0] for name in results} - parts
    conclude(results, options.limit, options.loop, whole, report)
    apart = sum(result.outcome == "passed" and not result.loops for result in results.values())
    for note in report.notes:
        print(f"# {note}")
    counts = report.counts
    print(f"# CPython {sys.version.split()[0]} on {options.loop}, {time.monotonic() - start:.0f} s:", end=" ")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped;", end=" ")
    print(f"not counted: {apart} that make no loop, or one of their own")
    print(f"1..{counts.total()}", flush=True)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
