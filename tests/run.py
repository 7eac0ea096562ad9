#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs tests, counts them, and ends in one line: "N passed, N failed".

    tests/run.py FOLDER [OPTION...]     the tests of a Meson build folder; the options go to `meson test`
    tests/run.py --tap COMMAND...       one program that speaks TAP
    tests/run.py --sum FILE             nothing; adds up the runs that FILE tells of

Each TAP subtest counts as one test; so does a program that does not speak TAP, and one that died on the way. The exit
status is 1 if a test failed or if none ran. With HOOP_TALLY=FILE in the environment a run is one of several: its counts
are appended to FILE, and the line is worded differently, so that the sum alone looks like a result.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TAP_LINE = re.compile(r"(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*([^#]*)(?:#\s*(\w+))?")
TAP_PLAN = re.compile(r"1\.\.(\d+)")
# cmocka says "not ok" of what was skipped, and Meson takes that for a failure of the program.
SKIPPED_NOT_OK = re.compile(r"^not ok .*# SKIP", re.MULTILINE)


@dataclass
class Result:
    outcome: str  # "passed", "failed" or "skipped"
    name: str


def parse_tap(text: str) -> tuple[list[Result], int | None]:
    """The subtests, and how many were planned; None for a text that is not TAP."""
    results, planned = [], None
    for line in text.splitlines():
        if plan := TAP_PLAN.match(line):
            planned = int(plan[1])
        elif test := TAP_LINE.match(line):
            skipped = (test[3] or "").upper() == "SKIP"
            results.append(Result("skipped" if skipped else "failed" if test[1] else "passed", test[2].strip()))
    return results, planned


def judge(name: str, output: str, failure: str) -> list[Result]:
    """One program's results: its subtests, and itself where these do not say how it went. FAILURE: what went wrong with
    the program as a whole, "" if nothing did."""
    results, planned = parse_tap(output)
    if planned is None:
        return [Result("failed" if failure else "passed", name)]
    for result in results:
        result.name = f"{name}: {result.name}"
    if all(result.outcome != "failed" for result in results) and (failure or planned != len(results)):
        results.append(Result("failed", f"{name}: {failure or 'stopped early'}, {len(results)} of {planned} tests ran"))
    return results


def run_meson(folder: str, *options: str) -> list[Result]:
    logs = Path(folder) / "meson-logs"
    for log in logs.glob("testlog*.json"):
        log.unlink()  # so that an old log is never taken for this run's
    status = subprocess.run(["meson", "test", "-C", folder, *options], stdin=subprocess.DEVNULL).returncode
    log = next(logs.glob("testlog*.json"), None)  # with a wrapper its name is in there
    if log is None:
        return [Result("failed", f"meson test -C {folder}: exit status {status}, and no log")]
    results = []
    for line in log.read_text().splitlines():
        test = json.loads(line)
        name, output = test["name"], test["stdout"]
        if test["result"] == "SKIP" and not parse_tap(output)[0]:
            results.append(Result("skipped", name))
            continue
        failure = "" if test["result"] in ("OK", "SKIP") else f"{test['result']}, exit status {test['returncode']}"
        if test["result"] == "FAIL" and test["returncode"] == 0 and SKIPPED_NOT_OK.search(output):
            failure, status = "", 0
        judged = judge(name, output, failure)
        results += judged
        if any(result.outcome == "failed" for result in judged):
            print(f"\n---- {name}\n{output}{test.get('stderr', '')}----")
    if status != 0 and all(result.outcome != "failed" for result in results):
        results.append(Result("failed", f"meson test -C {folder}: exit status {status}"))
    return results


def run_tap(*command: str) -> list[Result]:
    output = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            output += line
    name = Path(next((word for word in command if word.endswith(".py")), command[0])).name
    return judge(name, output, f"exit status {process.returncode}" if process.returncode else "")


def read_tally(path: str) -> tuple[Counter, list[str]]:
    """A line a run: passed, failed, skipped, name."""
    total = Counter()
    bad = []
    for line in Path(path).read_text().splitlines():
        passed, failed, skipped, name = line.split(maxsplit=3)
        total.update(passed=int(passed), failed=int(failed), skipped=int(skipped))
        if failed != "0" or passed == "0":
            bad.append(name)
    return total, bad


def summary(counts: Counter) -> str:
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    return f"{counts['passed']} passed, {counts['failed']} failed{skipped}"


def main() -> int:
    mode, *arguments = sys.argv[1:] or ["--help"]
    if mode == "--help" or (mode.startswith("--") and not arguments):
        print(__doc__)
        return 2
    if mode == "--sum":
        counts, bad = read_tally(arguments[0])
        if bad:
            print("failed:", *bad)
    else:
        start = time.monotonic()
        results = run_tap(*arguments) if mode == "--tap" else run_meson(mode, *arguments)
        counts = Counter(result.outcome for result in results)
        for result in results:
            if result.outcome == "failed":
                print(f"FAILED {result.name}")
    if tally := os.environ.get("HOOP_TALLY"):
        name = os.environ.get("HOOP_CHECK", "tests")
        with open(tally, "a") as file:
            print(counts["passed"], counts["failed"], counts["skipped"], name, file=file)
        verdict = "failed" if counts["failed"] or not counts["passed"] else "fine"
        print(f"{name}: {verdict}, {counts.total()} tests in {time.monotonic() - start:.0f} s", flush=True)
    else:
        print(summary(counts), flush=True)
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
