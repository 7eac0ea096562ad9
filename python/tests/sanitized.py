# SPDX-License-Identifier: MIT
"""Runs the package's tests on an extension that was built with AddressSanitizer and UBSan.

    python3 python/tests/sanitized.py PYTHON [PYTEST'S ARGUMENT...]

PYTHON is the interpreter that has this build of the package. Speaks TAP: first two programs show that the sanitizers are
at work and find what is wrong in the extension; then come pytest's tests; then what the sanitizers wrote, in any process
of the tests. The interpreter itself leaves memory behind when it ends, so a leak counts if the extension is among its
callers.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from tap import Tap  # noqa: E402

PYTEST = ["-m", "pytest", "-p", "no:terminal", "-p", "pytest_report"]
LIBRARY = """
import ctypes, hoop
library = ctypes.CDLL(hoop.get_library())
library.hoop_new_event_loop_with.restype = ctypes.c_void_p
library.hoop_close.argtypes = library.hoop_time_ns.argtypes = library.hoop_loop_ref.argtypes = [ctypes.c_void_p]
core = library.hoop_new_event_loop_with(None)
"""
USE_AFTER_FREE = LIBRARY + "library.hoop_close(core); library.hoop_time_ns(core)"
LEAK = LIBRARY + "library.hoop_loop_ref(core); library.hoop_close(core); core = None"


def runtime(name: str) -> str:
    compiler = os.environ.get("CC", "cc").split()
    found = subprocess.run([*compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def environment(folder: str) -> dict[str, str]:
    """For processes whose reports are to go into FOLDER."""
    # With the module of each frame, for reports().
    frame = "stack_trace_format='    #%n %p in %f %S %M'"
    asan = "detect_stack_use_after_return=1:allocator_may_return_null=1:abort_on_error=1:detect_leaks=1"
    return {
        **os.environ,
        # The interpreter is not linked with it; and C++'s, so that exceptions in other extensions are known to it.
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libstdc++.so')}",
        "ASAN_OPTIONS": f"{asan}:{frame}:log_path={folder}/report",
        "LSAN_OPTIONS": "exitcode=0:max_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "tests"),
    }


def reports(folder: str) -> list[str]:
    """What was found: errors, and each leak that the extension had a part in."""
    found = []
    for path in Path(folder).iterdir():
        text = path.read_text(errors="replace")
        if "ERROR: LeakSanitizer" not in text:
            found.append(text)
            continue
        leaks = re.split(r"\n\n", text)
        found += [leak for leak in leaks if "leak of" in leak and re.search(r"\b_core\.[\w-]*\.so", leak)]
    return found


def report_of(python: str, program: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-c", program], env=environment(folder), capture_output=True)
        return "\n".join(reports(folder))


def run_pytest(tap: Tap, python: str, arguments: list[str], env: dict[str, str]) -> int:
    """Pytest's tests as ours; returns its exit status."""
    command = [python, *PYTEST, *arguments]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if test := re.match(r"(not )?ok (\d+)(.*)", line):
                tap.count += 1
                tap.failed += bool(test[1])
                line = f"{test[1] or ''}ok {tap.count}{test[3]}\n"
            if not re.match(r"1\.\.\d+$", line):
                print(line, end="", flush=True)
    return process.returncode


def main() -> None:
    python, *arguments = sys.argv[1:]
    tap = Tap()
    text = report_of(python, USE_AFTER_FREE)
    tap.test("a use of freed memory in the extension is found", "heap-use-after-free" in text, text or "no report")
    text = report_of(python, LEAK)
    tap.test("a leak of the extension is found", "hoop_new_event_loop_with" in text, text or "no report")
    with tempfile.TemporaryDirectory() as folder:
        failed = tap.failed
        status = run_pytest(tap, python, arguments, environment(folder))
        tap.test("the tests came to their end", status == 0 or tap.failed > failed, f"exit status {status}")
        tap.test("the sanitizers had nothing to report", not (found := reports(folder)), "\n".join(found))
    tap.done()


if __name__ == "__main__":
    main()
