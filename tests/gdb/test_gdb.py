# SPDX-License-Identifier: MIT
"""Tests tools/hoop-gdb.py: runs gdb in batch mode on program.c, live and on a core file, and reads what it prints.

    test_gdb.py PROGRAM SOURCE SCRIPT      PROGRAM is built from SOURCE (program.c), SCRIPT is hoop-gdb.py

Prints TAP. Where gdb is missing or may not trace a process, all is skipped.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM, SOURCE, SCRIPT = (Path(argument).resolve() for argument in sys.argv[1:4])

TASKS_IN_TASK = """\
10 unfinished tasks
  #1 'main' starts #10 'eager_child'
  #2 'a long sleep' sleeps
  #3 'asker' awaits a future
  #4 'parent' awaits #7 'sleeper'
  #5 'yielder' is ready
  #6 'parent' awaits #8 'sleeper', is being cancelled
  #7 'sleeper' sleeps
  #8 'sleeper' is ready, is being cancelled
  #9 'newcomer' has not begun
  #10 'eager_child' runs
"""

TASKS_IN_CALLBACK = """\
7 unfinished tasks
  #1 'main' sleeps
  #2 'a long sleep' sleeps
  #3 'asker' awaits a future
  #4 'parent' awaits #7 'sleeper'
  #5 'yielder' is ready
  #7 'sleeper' sleeps
  #10 'eager_child' sleeps
"""

# The functions of program.c in the backtrace of each task, the innermost first. A task of this program that has begun
# goes on to hoop's own coroutine entry, and nothing comes after the trampoline.
SLEEPER = ["nap", "snore", "snore", "snore", "sleeper"]
CHAINS = {
    1: ["all_tasks"],
    2: SLEEPER,
    3: ["ask", "asker"],
    4: ["parent"],
    5: ["nap", "yielder"],
    6: ["parent"],
    7: SLEEPER,
    8: SLEEPER,
    10: ["stop_in_task", "eager_child"],
}

# What stands in the source line at which a function of program.c is suspended.
CALLS = {"nap": "hoop_sleep(", "ask": "hoop_future_await(", "sleeper": "snore(2)", "parent": "hoop_await(",
         "all_tasks": "hoop_create_task_with(", "yielder": "nap(0)"}

FRAME = re.compile(r"^#(\d+) +(?:0x[0-9a-f]+ in )?(\w+) \(.*?\)(?: at (\S+):(\d+)| from \S+)?$", re.MULTILINE)


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def check(self, holds, name, shown=""):
        self.count += 1
        print(f"{'ok' if holds else 'not ok'} {self.count} - {name}", flush=True)
        if not holds:
            self.failures += 1
            print("\n".join(f"# {line}" for line in str(shown).splitlines()), flush=True)

    def equal(self, got, expected, name):
        self.check(got == expected, name, f"expected:\n{expected}\ngot:\n{got}")

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def gdb(commands, *files):
    """Runs gdb with COMMANDS, a list of (key, command); returns what each command with a key printed."""
    arguments = ["gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0",
                 "-iex", "set startup-with-shell off", "-x", str(SCRIPT)]
    for key, command in commands:
        arguments += ["-ex", f"echo \\n@@{key}\\n", "-ex", command]
    arguments += ["-ex", "echo \\n@@end\\n", *map(str, files)]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=100)
    parts = re.split(r"^@@(\w*)\n", done.stdout, flags=re.MULTILINE)
    return {key: text.rstrip("\n") + "\n" for key, text in zip(parts[1::2], parts[2::2]) if key}


def need_gdb():
    if shutil.which("gdb") is None:
        skip_all("gdb is not installed")
    probe = gdb([("python", "python print(6 * 7)"), ("run", "break main"), ("run", "run"), ("alive", "info threads"),
                 ("", "kill")], PROGRAM)
    if probe.get("python") != "42\n":
        skip_all("gdb has no Python")
    if "Thread" not in probe.get("alive", "") and "process" not in probe.get("alive", ""):
        skip_all(f"gdb may not trace a process: {' '.join(probe.get('run', '').split())}")


def backtraces(text):
    """The output of hoop-bt, by the number of the task: the text below its headline."""
    parts = re.split(r"^#(\d+) '.*\n", text, flags=re.MULTILINE)
    return {int(number): body for number, body in zip(parts[1::2], parts[2::2])}


def functions_of(text):
    return [match[2] for match in FRAME.finditer(text)]


def is_clean(text):
    """Numbered from 0 without a gap, known throughout, and ended by the trampoline."""
    frames = FRAME.findall(text)
    # gcc 14 says of an inlined argument that it is in a register, which a switch does not keep.
    text = re.sub(r"=<error reading variable[^>]*>", "", text)
    return (
        bool(frames)
        and [int(frame[0]) for frame in frames] == list(range(len(frames)))
        and len(frames) == len(re.findall(r"^#", text, re.MULTILINE))
        and frames[-1][1] == "coro_trampoline"
        and not re.search(r"corrupt|Backtrace stopped|\?\?|rror", text)
    )


def program_functions(text):
    own = set(re.findall(r"^(?:static )?(?:NAMED )?\w+ \*?(\w+)\(", SOURCE.read_text(), re.MULTILINE))
    return [name for name in functions_of(text) if name in own]


def lines_are_right(text):
    """Each frame of a suspended function of program.c stands at the call that it waits in."""
    source = SOURCE.read_text().splitlines()
    frames = [frame for frame in FRAME.findall(text) if frame[1] in CALLS]
    return bool(frames) and all(
        frame[2].endswith("program.c") and CALLS[frame[1]] in source[int(frame[3]) - 1] for frame in frames
    )


def check_backtraces(tap, where, text):
    shown = backtraces(text)
    tap.equal(sorted(shown), list(range(1, 11)), f"{where}: hoop-bt all shows every task")
    for number, chain in CHAINS.items():
        body = shown.get(number, "")
        tap.check(is_clean(body), f"{where}: the backtrace of task {number} is whole and ends at coro_trampoline", body)
        tap.equal(program_functions(body), chain, f"{where}: the backtrace of task {number} has the right functions")
    tap.check(lines_are_right(text), f"{where}: the frames stand at the lines of their calls", text)
    tap.check(re.search(r"will call .*<newcomer>.* at .*program\.c:\d+", shown.get(9, "")),
              f"{where}: a task that has not begun shows what it will call", shown.get(9))


LOOK = [("tasks", "hoop-tasks"), ("bt", "hoop-bt all")]


def live_session(core):
    """All that is asked of the live process, in one run of it. Leaves a core file made in stop_in_task.

    That core needs guard pages that are mappings of their own: gdb before February 2026 stops writing a mapping at the
    first guard page inside of it (and would leave the stacks out)."""
    in_task = [
        ("", "break main"),
        ("", "run"),
        ("", "break stack_take_other"),
        ("", "continue"),
        ("guard", "print pool->guard = STACK_GUARD_MPROTECT"),
        ("", "delete"),
        ("", "break stop_in_task"),
        ("", "continue"),
        *LOOK,
        ("running", "backtrace"),
        ("", "up"),
        ("before", "info registers"),
        ("before_frame", "info frame"),
        ("by_id", "hoop-bt 2"),
        ("by_hash", "hoop-bt #2"),
        ("by_name", "hoop-bt 'a long sleep'"),
        ("by_common_name", "hoop-bt parent"),
        ("full", "hoop-bt 3 full"),
        ("after", "info registers"),
        ("after_frame", "info frame"),
        ("running_again", "backtrace"),
        ("unknown", "hoop-bt 77"),
        ("usage", "hoop-bt"),
        ("no_symbol", "hoop-bt -loop no_such_symbol 1"),
        ("no_pointer", "hoop-tasks 42"),
        ("", f"generate-core-file {core}"),
        ("", "delete"),
    ]
    in_callback = [
        ("", "break stop_in_callback"),
        ("", "continue"),
        ("callback_tasks", "hoop-tasks"),
        ("callback_bt", "hoop-bt all"),
        ("callback_running", "backtrace"),
    ]
    without_loop = [
        ("", "break stop_without_loop"),
        ("", "continue"),
        ("no_loop", "hoop-tasks"),
        ("named_tasks", "hoop-tasks loop"),
        ("named_bt", "hoop-bt -loop loop sleeper"),
        ("", "kill"),
        ("no_process", "hoop-tasks"),
        ("help", "help hoop-bt"),
    ]
    return gdb(in_task + in_callback + without_loop, PROGRAM)


def check_live(tap, out):
    tap.equal(out["tasks"], TASKS_IN_TASK, "live: hoop-tasks tells the state of each task")
    check_backtraces(tap, "live", out["bt"])
    tap.check(is_clean(out["running"]), "live: backtrace in a running task ends at coro_trampoline", out["running"])
    tap.equal(out["by_hash"], out["by_id"], "a task is found by its number with #")
    tap.equal(out["by_name"], out["by_id"], "a task is found by its name")
    tap.equal(sorted(backtraces(out["by_common_name"])), [4, 6], "all tasks of a name are shown")
    tap.check("rc = " in out["full"], "hoop-bt passes options on to backtrace", out["full"])
    tap.equal(out["after"], out["before"], "the registers are as before")
    tap.equal(out["after_frame"], out["before_frame"], "the selected frame is as before")
    tap.equal(out["running_again"], out["running"], "the thread's own backtrace is as before")
    tap.equal(out["callback_tasks"], TASKS_IN_CALLBACK, "in a callback: hoop-tasks shows that no task runs")
    tap.check(all(map(is_clean, backtraces(out["callback_bt"]).values())), "in a callback: the backtraces are whole",
              out["callback_bt"])
    last = functions_of(out["callback_running"])[-1:]
    tap.equal(last, ["main"], "in a callback: the loop's own backtrace ends in main")
    tap.equal(out["named_tasks"], TASKS_IN_CALLBACK, "a loop that does not run can be named")
    tap.equal(program_functions(out["named_bt"]), SLEEPER, "hoop-bt takes the loop as an option")


def check_errors(tap, out):
    expected = {
        "unknown": ("No unfinished task is called 77", "an unknown task"),
        "usage": ("Usage: hoop-bt", "no task named"),
        "no_symbol": ('No symbol "no_such_symbol"', "a wrong expression"),
        "no_pointer": ("42 is no pointer to a loop", "an expression that is no loop"),
        "no_loop": ("Thread 1 runs no loop", "a thread without a loop"),
        "no_process": ("Nothing to look at", "no process"),
    }
    for key, (message, case) in expected.items():
        tap.check(out[key].startswith(message) and "Python" not in out[key], f"{case} gives a clear error", out[key])
    tap.check("Usage: hoop-bt" in out["help"] and len(out["help"].splitlines()) > 10, "help explains", out["help"])


def check_core(tap, core, live):
    tap.check("= STACK_GUARD_MPROTECT" in live["guard"], "core: it can be made with the stacks in it", live["guard"])
    if not core.is_file():
        tap.skip("core", "gdb could not make a core file")
        return
    out = gdb([*LOOK, ("running", "backtrace")], PROGRAM, core)
    tap.equal(out["tasks"], TASKS_IN_TASK, "core: hoop-tasks tells the state of each task")
    check_backtraces(tap, "core", out["bt"])
    tap.check(is_clean(out["running"]), "core: backtrace in a running task ends at coro_trampoline", out["running"])
    tap.equal(out["bt"], live["bt"], "core: the backtraces are those of the live process")


def check_stripped(tap, folder):
    name = "a program without debug information gives a clear error"
    if shutil.which("strip") is None:
        tap.skip(name, "strip is not installed")
        return
    stripped = folder / "stripped"
    subprocess.run(["strip", "-g", "-o", str(stripped), str(PROGRAM)], check=True)
    look = [("tasks", "hoop-tasks"), ("bt", "hoop-bt 1")]
    out = gdb([("", "break stop_in_task"), ("", "run"), *look, ("", "kill")], stripped)
    message = "No debug information of hoop"
    tap.check(out["tasks"].startswith(message) and out["bt"].startswith(message), name, out["tasks"] + out["bt"])


def main():
    need_gdb()
    tap = Tap()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        core = folder / "core"
        live = live_session(core)
        check_live(tap, live)
        check_errors(tap, live)
        check_core(tap, core, live)
        check_stripped(tap, folder)
    print(f"1..{tap.count}")
    return 1 if tap.failures else 0


if __name__ == "__main__":
    sys.exit(main())
