#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the sources against the house's rules: who may include whom, who may allocate or make a syscall, where #if may
stand, how a file begins, how long it is and how it is named.

    tests/layering.py [ROOT]        prints TAP

Each rule is a function that takes the repository's root and yields its violations, one text each. Before a rule judges
the repository it is shown a small tree that breaks it, as a rule that cannot fail says nothing.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tap import Tap

# Each layer, and those strictly below it. Layers that are not in each other's sets are siblings.
BELOW = {
    "base": set(),
    "loop": {"base"},
    "coro": {"base"},
    "task": {"base", "loop", "coro"},
    "sync": {"base", "loop", "coro", "task"},
    "exec": {"base", "loop", "coro", "task"},
    "io": {"base", "loop", "coro", "task"},
}
# What the layers above task may include of it.
TASK_DOOR = "task/wait.h"

# Programs: what uses the public headers only, and the headers in its own folder. The harness is what lies in tests/ itself.
PROGRAMS = ("include", "examples", "bench", "python", "tests/api", "tests/compile_fail", "tests/headers")
HARNESS = "tests"
USES_HARNESS = ("tests/api", HARNESS)

MEMORY_HOME = "src/base/alloc.c"
MEMORY = "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf aligned_alloc posix_memalign getline"

SYSCALLS_HOME = re.compile(r"src/base/sys(_\w+)?\.c")
SYSCALLS = """
    epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd timerfd_create timerfd_settime
    signalfd poll ppoll select pselect mmap munmap mremap madvise mprotect open openat creat close read write readv writev
    pread pwrite preadv preadv2 pwritev pwritev2 sendfile splice fsync fdatasync ftruncate fstat stat pipe pipe2 dup dup2
    dup3 fcntl ioctl socket socketpair bind listen accept accept4 connect shutdown getsockopt setsockopt getsockname
    getpeername send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg fork vfork clone execve execvpe posix_spawn
    posix_spawnp posix_spawn_\w+ posix_spawnattr_\w+ wait4 waitid waitpid kill tgkill pidfd_open pidfd_send_signal
    access faccessat sigaction signal sigprocmask pthread_sigmask sigaltstack
    fstatat unlinkat rename renameat renameat2 link linkat symlink mkdir rmdir opendir fdopendir readdir closedir
    copy_file_range lseek fchmod
    getaddrinfo getnameinfo unlink chmod lstat sigtimedwait clock_gettime clock_nanosleep gettimeofday nanosleep usleep sleep getrandom syscall sysconf getrlimit prctl readlink
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    memfd_create shm_open posix_fallocate setrlimit pthread_atfork
    dladdr dladdr1 dl_iterate_phdr backtrace backtrace_symbols backtrace_symbols_fd
    io_uring_queue_init io_uring_queue_init_params io_uring_queue_mmap io_uring_queue_exit io_uring_submit
    io_uring_submit_and_wait io_uring_submit_and_wait_timeout io_uring_submit_and_get_events io_uring_get_events
    io_uring_wait_cqe io_uring_wait_cqe_nr io_uring_wait_cqes io_uring_wait_cqe_timeout io_uring_peek_cqe
    io_uring_peek_batch_cqe io_uring_sqring_wait io_uring_enter io_uring_enter2 io_uring_setup io_uring_register
    io_uring_get_probe io_uring_get_probe_ring io_uring_register_\w+ io_uring_unregister_\w+
"""
# Who may call what elsewhere, and why.
SYSCALLS_ALLOWED = {
    ("src/task/overflow.c", "sigaction"): "puts the previous action back inside of the signal handler",
}

# Platforms and sanitizers. Elsewhere: include guards, __cplusplus and NDEBUG.
CONDITIONS_HOME = re.compile(r"src/(base/sys(_\w+)?\.[ch]|coro/sanitizer\.h|coro/coro\.h|coro/switch_\w+\.h)")
CONDITION_EVERYWHERE = re.compile(r"#\s*if(n?def)?\s+!?\s*(defined\s*\(?\s*)?(__cplusplus|NDEBUG)\b")

MOST_LINES = 500
MANY_LINES = 400
BAD_NAMES = {"util", "utils", "misc", "common", "helper", "helpers"}

FOLDERS = ("src", "include", "examples", "bench", "python", "tests", "tools")
NOT_OURS = {"__pycache__", "target", "results", "node_modules", "build", "build-bench"}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def files(root: Path, folder: str, *suffixes: str) -> Iterator[Path]:
    for path, folders, names in os.walk(root / folder):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.startswith("."))
        for name in sorted(names):
            if not suffixes or name.endswith(suffixes):
                yield Path(path) / name


def sources(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """C sources and headers in FOLDER, with their path from ROOT."""
    for path in files(root, folder, ".c", ".h"):
        yield str(path.relative_to(root)), path


def includes(path: Path) -> Iterator[tuple[int, bool, str]]:
    """(line number, in quotes, what is included)"""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1] == '"', match[2]


def is_public(root: Path, included: str) -> bool:
    folders = ("include", "python/include")
    return included == "hoop.h" or (
        included.startswith("hoop/") and any((root / folder / included).is_file() for folder in folders)
    )


def without_comments(text: str) -> str:
    """TEXT with comments and strings blanked, and its lines where they were."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def calls(root: Path, names: str) -> Iterator[tuple[str, int, str]]:
    """(file, line number, function) for each call in src/ of a function in NAMES, not of a member with such a name."""
    call = re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")
    for name, path in sources(root, "src"):
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            for match in call.finditer(line):
                yield name, number, match[1]


# ---- the rules ---------------------------------------------------------------


def every_folder_of_src_is_a_layer(root: Path) -> Iterator[str]:
    for name, path in sources(root, "src"):
        if len(path.relative_to(root).parts) != 3 or path.parent.name not in BELOW:
            yield f"{name} is in none of src/{{{','.join(BELOW)}}}"


def layers_include_public_headers_themselves_and_what_is_below(root: Path) -> Iterator[str]:
    for name, path in sources(root, "src"):
        layer = path.parent.name
        for number, quoted, included in includes(path):
            of = included.split("/")[0]
            is_private = (root / "src" / included).is_file() or of in BELOW
            if not is_private:
                if quoted or included.startswith("hoop") and not is_public(root, included):
                    yield f'{name}:{number}: no header "{included}" in src/ or include/ (write folder/name.h)'
            elif of != layer and of not in BELOW.get(layer, set()):
                yield f"{name}:{number}: {layer} includes {included}, which is not below it"


def layers_above_task_reach_it_through_its_door(root: Path) -> Iterator[str]:
    for name, path in sources(root, "src"):
        for number, _, included in includes(path):
            above = "task" in BELOW.get(path.parent.name, set())
            if above and included.startswith("task/") and included != TASK_DOOR:
                yield f"{name}:{number}: includes {included}, not {TASK_DOOR}"


def programs_include_public_headers_only(root: Path) -> Iterator[str]:
    programs = [(folder, name, path) for folder in PROGRAMS for name, path in sources(root, folder)]
    programs += [(HARNESS, name, path) for name, path in sources(root, HARNESS) if path.parent == root / HARNESS]
    for folder, name, path in programs:
        for number, quoted, included in includes(path):
            beside = Path(os.path.normpath(path.parent / included))
            own = quoted and beside.is_file() and beside.is_relative_to(root / folder)
            harness = folder in USES_HARNESS and (root / HARNESS / included).is_file()
            if own or harness or is_public(root, included):
                continue
            if quoted or included.startswith("hoop") or (root / "src" / included).exists():
                yield f"{name}:{number}: {included} is not a public header"


def memory_comes_from_alloc(root: Path) -> Iterator[str]:
    for name, number, function in calls(root, MEMORY):
        if name != MEMORY_HOME:
            yield f"{name}:{number}: {function}() outside of {MEMORY_HOME}"


def syscalls_are_made_in_sys(root: Path) -> Iterator[str]:
    for name, number, function in calls(root, SYSCALLS):
        if not SYSCALLS_HOME.fullmatch(name) and (name, function) not in SYSCALLS_ALLOWED:
            yield f"{name}:{number}: {function}() outside of src/base/sys*.c"


def conditions_stand_where_platforms_differ(root: Path) -> Iterator[str]:
    for folder in ("src", "include"):
        for name, path in sources(root, folder):
            if CONDITIONS_HOME.fullmatch(name):
                continue
            guard = re.sub(r"\W", "_", str(path.relative_to(root / folder))).upper()
            for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
                if not re.match(r"\s*#\s*(if|elif)", line) or CONDITION_EVERYWHERE.match(line.strip()):
                    continue
                if line.split() != ["#ifndef", guard]:
                    yield f"{name}:{number}: {line.strip()} (an include guard here is {guard})"


def files_begin_with_licence_and_purpose(root: Path) -> Iterator[str]:
    opening = re.compile(r"/\* SPDX-License-Identifier: MIT\n \*\n \* \S")
    script = re.compile(r'(#!.*\n)?# SPDX-License-Identifier: MIT\n((#\n)*# ?\S|"""\S|\n*(\[|[\w-]+ ?[=(]))')
    for folder in FOLDERS:
        for name, path in sources(root, folder):
            if not opening.match(path.read_text()):
                yield f"{name} does not begin with the SPDX line, an empty comment line and what it is"
        for path in files(root, folder, ".py", ".sh", "meson.build"):
            if not script.match(path.read_text()):
                yield f"{path.relative_to(root)} does not begin with the SPDX line and what it is"


def files_are_short(root: Path) -> Iterator[str]:
    for folder in FOLDERS:
        for path in files(root, folder, ".c", ".h", ".py", ".sh"):
            count = len(path.read_text().splitlines())
            if count > MOST_LINES:
                yield f"{path.relative_to(root)} has {count} lines, more than {MOST_LINES}"


def files_are_named_for_what_they_hold(root: Path) -> Iterator[str]:
    for folder in FOLDERS:
        for path in files(root, folder):
            if BAD_NAMES & set(re.split(r"[_.-]", path.name.lower())):
                yield f"{path.relative_to(root)}: name it for what it holds"


# ---- what each rule must catch -----------------------------------------------

OPENING = "/* SPDX-License-Identifier: MIT\n *\n * A file.\n */\n"

# A small tree that keeps every rule.
GOOD = {
    "include/hoop.h": '#ifndef HOOP_H\n#define HOOP_H\n#include "hoop/loop.h"\n#endif\n',
    "include/hoop/loop.h": "#ifndef HOOP_LOOP_H\n#define HOOP_LOOP_H\n#ifdef __cplusplus\n#endif\n#endif\n",
    "src/base/alloc.c": "void *f(void) { return malloc(1); }\n",
    "src/base/sys.c": "#if defined(__linux__)\nint g(void) { return epoll_create1(0); }\n#endif\n",
    "src/base/sys_uring.c": "int g(struct io_uring *r) { return io_uring_submit(r); }\n",
    "src/loop/uring.c": "unsigned g(struct io_uring *r) { return io_uring_sq_ready(r); }\n",
    "src/base/list.h": "#ifndef BASE_LIST_H\n#define BASE_LIST_H\n#include <hoop/loop.h>\n#endif\n",
    "src/loop/loop.h": '#ifndef LOOP_LOOP_H\n#define LOOP_LOOP_H\n#include "base/list.h"\n#endif\n',
    "src/loop/loop.c": '#include "loop/loop.h"\n#include <errno.h>\nint h(void) { return ops->close(1); }\n',
    "src/coro/coro.h": "#if defined(__x86_64__)\n#endif\n",
    "src/task/wait.h": '#ifndef TASK_WAIT_H\n#define TASK_WAIT_H\n#include "coro/coro.h"\n#include "loop/loop.h"\n#endif\n',
    "src/task/task.h": '#ifndef TASK_TASK_H\n#define TASK_TASK_H\n#include "task/wait.h"\n#endif\n',
    "src/task/overflow.c": "/* free(x) */ int k(void) { sigaction(1, 0, 0); return puts(\"free(x)\"); }\n",
    "src/sync/lock.c": '#include "task/wait.h"\n#include "base/list.h"\n#include <hoop.h>\n',
    "examples/one.c": "#include <hoop.h>\n#include <stdio.h>\n",
    "bench/bench.h": "#include <stdio.h>\n",
    "bench/hoop/main.c": '#include "../bench.h"\n#include <hoop/loop.h>\n',
    "tests/harness.h": "#include <hoop.h>\n",
    "tests/harness.c": '#include "harness.h"\n',
    "tests/api/one.c": '#include "harness.h"\n',
    "tests/unit/list.c": '#include "harness.h"\n#include "base/list.h"\n',
    "tools/run.sh": "#!/bin/sh\n# SPDX-License-Identifier: MIT\n#\n# Runs.\n",
}

# For each rule, files that break it, each on its own in the good tree.
BROKEN: dict[Callable[[Path], Iterator[str]], dict[str, str]] = {
    every_folder_of_src_is_a_layer: {
        "src/net/tcp.c": "",
        "src/loose.c": "",
        "src/task/inner/deep.c": "",
    },
    layers_include_public_headers_themselves_and_what_is_below: {
        "src/base/up.c": '#include "loop/loop.h"\n',
        "src/loop/aside.c": '#include "coro/coro.h"\n',
        "src/coro/aside.c": '#include "loop/loop.h"\n',
        "src/coro/angle.c": "#include <loop/loop.h>\n",
        "src/task/up.c": '#include "sync/lock.h"\n',
        "src/io/aside.c": '#include "exec/pool.h"\n',
        "src/loop/short.c": '#include "loop.h"\n',
        "src/loop/gone.c": "#include <hoop/gone.h>\n",
    },
    layers_above_task_reach_it_through_its_door: {
        "src/sync/queue.c": '#include "task/task.h"\n',
        "src/exec/pool.c": '#include "task/task.h"\n',
        "src/io/stream.c": '#include "task/task.h"\n',
    },
    programs_include_public_headers_only: {
        "examples/two.c": '#include "task/wait.h"\n',
        "examples/three.c": "#include <task/wait.h>\n",
        "bench/hoop/two.c": '#include "../../src/base/list.h"\n',
        "python/src/two.c": '#include "loop/loop.h"\n',
        "tests/api/two.c": '#include "base/list.h"\n',
        "tests/shared.h": '#include "base/list.h"\n',
        "include/hoop/task.h": '#include "task/wait.h"\n',
    },
    memory_comes_from_alloc: {
        "src/base/heap.c": "void *f(void) { return calloc (1, 1); }\n",
        "src/io/stream.c": "void f(void *p) { if (p) free(p); }\n",
    },
    syscalls_are_made_in_sys: {
        "src/loop/poller.c": "int f(void) { return epoll_ctl(1, 2, 3, 4); }\n",
        "src/base/frames.c": "int f(void **a) { return backtrace(a, 1); }\n",
        "src/loop/ring.c": "int f(struct io_uring *r) { return io_uring_submit(r); }\n",
        "src/loop/files.c": "int f(struct io_uring *r) { return io_uring_register_files(r, 0, 0); }\n",
        "src/task/task.c": "int f(void) { return sigaction(1, 2, 3); }\n",
    },
    conditions_stand_where_platforms_differ: {
        "src/loop/ready.c": "#ifdef __linux__\n#endif\n",
        "src/task/task.c": "#if defined(__SANITIZE_ADDRESS__)\n#endif\n",
        "src/base/heap.h": "#ifndef HEAP_H\n#define HEAP_H\n#endif\n",
        "include/hoop/error.h": "#if __GNUC__ > 4\n#endif\n",
    },
    files_begin_with_licence_and_purpose: {
        "src/loop/bare.c": None,
        "examples/bare.c": None,
        "tests/bare.py": '"""No licence."""\n',
        "tools/bare.sh": "#!/bin/sh\n# SPDX-License-Identifier: MIT\n\nset -e\n",
    },
    files_are_short: {
        "src/loop/long.c": "\n" * MOST_LINES,
        "tests/api/long.c": "\n" * MOST_LINES,
    },
    files_are_named_for_what_they_hold: {
        "src/base/util.h": "",
        "tests/test_helpers.py": "",
        "bench/common.h": "",
    },
}


def plant(root: Path, tree: dict[str, str | None]) -> None:
    """Writes the files of TREE; C sources get their opening, unless their text is None."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        opening = OPENING if name.endswith((".c", ".h")) and text is not None else ""
        path.write_text(opening + (text or ""))


def blind_spots(rule: Callable[[Path], Iterator[str]]) -> Iterator[str]:
    """What RULE says of the good tree, and the broken files that it does not see."""
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), GOOD)
        for violation in rule(Path(folder)):
            yield f"complains without need: {violation}"
    for name, text in BROKEN[rule].items():
        with tempfile.TemporaryDirectory() as folder:
            plant(Path(folder), GOOD | {name: text})
            if not any(name in violation for violation in rule(Path(folder))):
                yield f"overlooks {name}: {text!r}"


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    tap = Tap()
    for rule in BROKEN:
        name = rule.__name__.replace("_", " ")
        missed = list(blind_spots(rule))
        tap.test(f"can tell whether {name}", not missed, "\n".join(missed))
        violations = list(rule(root))
        tap.test(name, not violations, "\n".join(violations))
    called = {(name, function) for name, _, function in calls(root, SYSCALLS)}
    for (name, function), why in SYSCALLS_ALLOWED.items():
        tap.note(f"allowed: {function}() in {name}: {why}")
        tap.test(f"{name} still needs to be allowed {function}()", (name, function) in called)
    for folder in FOLDERS:
        for path in files(root, folder, ".c", ".h", ".py"):
            if MOST_LINES >= (count := len(path.read_text().splitlines())) > MANY_LINES:
                tap.note(f"warning: {path.relative_to(root)} has {count} lines")
    tap.done()


if __name__ == "__main__":
    main()
