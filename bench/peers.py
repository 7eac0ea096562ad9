# SPDX-License-Identifier: MIT
"""The programs that the table of C compares: how each is built, and which version it is.

A peer that cannot be had here raises Skipped with the reason. Build output goes to build-bench/ at the root of the
repository. hoop's own program is built by Meson, not here.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = ROOT / "build-bench"
HOOP_HOLD = "hold/hoop_hold"  # beside the folder of hoop's program, or in it
COMMIT = "HOOP_BENCH_COMMIT"  # says which, to a run in a system that may have no git
HOOP_PROGRAMS = (ROOT / "build/bench/hoop_bench", ROOT / "build/bench/hoop/hoop_bench")


class Skipped(Exception):
    """This peer takes no part; the text says why."""


class Failed(Exception):
    """A program did not do what its contract says."""


Command = tuple[str | Path, ...]  # a program, and the arguments that always come first


@dataclass(frozen=True)
class Peer:
    name: str
    program: Command
    version: str
    others: tuple[Command, ...] = ()  # more programs, with rows of their own


def run_tool(command: list[str], cwd: Path = BENCH) -> str:
    """Runs a command and returns what it printed. A command that fails skips the peer."""
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        raise Skipped(f"{command[0]} took longer than 15 minutes") from None
    if done.returncode != 0:
        last_lines = " | ".join(done.stderr.strip().splitlines()[-4:])
        raise Skipped(f"{' '.join(command[:2])} failed: {last_lines}")
    return done.stdout.strip()


def _need(tool: str) -> str:
    if shutil.which(tool) is None:
        raise Skipped(f"{tool} is not installed")
    return tool


def _compile(name: str, libraries: list[str]) -> tuple[Path, str]:
    """Compiles bench/NAME/*.c; returns the program and the compiler's version."""
    compiler = _need(os.environ.get("CC", "cc"))
    program = BUILD / name
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread"]
    sources = sorted(str(path) for path in (BENCH / name).glob("*.c"))
    run_tool([compiler, *flags, *sources, "-o", str(program), *libraries])
    return program, run_tool([compiler, "--version"]).splitlines()[0]


def _flags_of(package: str) -> list[str]:
    """What a compiler and a linker must be told about an installed library."""
    try:
        return run_tool([_need("pkg-config"), "--cflags", "--libs", package]).split()
    except Skipped:
        raise Skipped(f"the development files of {package} are not installed") from None


def _build_bare() -> Peer:
    program, compiler = _compile("bare", _flags_of("openssl"))
    return Peer("bare", (program,), f"plain C, {compiler}")


def _build_libuv() -> Peer:
    program, compiler = _compile("libuv", _flags_of("libuv"))
    version = run_tool(["pkg-config", "--modversion", "libuv"])
    return Peer("libuv", (program,), f"libuv {version}, {compiler}")


def _build_go() -> Peer:
    program = BUILD / "go_bench"
    run_tool([_need("go"), "build", "-o", str(program), "."], cwd=BENCH / "go")
    return Peer("go", (program,), run_tool(["go", "env", "GOVERSION"]))


def _build_tokio() -> Peer:
    folder = BENCH / "tokio"
    target = BUILD / "tokio"
    run_tool([_need("cargo"), "build", "--release", "--target-dir", str(target)], cwd=folder)
    lock = (folder / "Cargo.lock").read_text()
    version = re.search(r'name = "tokio"\nversion = "([^"]+)"', lock)
    rust = run_tool(["rustc", "--version"])
    return Peer("tokio", (target / "release" / "hoop-bench-tokio",), f"tokio {version[1] if version else '?'}, {rust}")


def _find_asyncio() -> Peer:
    """Nothing to be built: a script, and the Python that it finds."""
    version = run_tool([_need("python3"), "--version"])
    return Peer("asyncio", (BENCH / "python" / "asyncio_bench.py",), f"asyncio of {version}")


BUILDERS: dict[str, Callable[[], Peer]] = {
    "tokio": _build_tokio,
    "go": _build_go,
    "libuv": _build_libuv,
    "asyncio": _find_asyncio,
    "bare": _build_bare,
}


def build_load() -> Path:
    """The load generator, which is no peer."""
    return _compile("load", _flags_of("openssl"))[0]


def meson_options(program: Path) -> str:
    """How Meson built a program that lies in its build folder: "release, no asserts", say."""
    for folder in program.parents:
        described = folder / "meson-info" / "intro-buildoptions.json"
        if described.is_file():
            options = {option["name"]: option["value"] for option in json.loads(described.read_text())}
            words = [options["buildtype"]]
            if options["b_ndebug"] == "true" or (options["b_ndebug"], words[0]) == ("if-release", "release"):
                words.append("no asserts")
            if options["b_sanitize"] not in ("none", []):
                words.append("SANITIZED")
            return ", ".join(words)
    return "built in a way not known"


def commit() -> str:
    """The commit that is checked out, with a + if something was changed since."""
    if COMMIT in os.environ:
        return os.environ[COMMIT]
    try:
        return run_tool(["git", "describe", "--always", "--dirty=+"], cwd=ROOT)
    except (Skipped, OSError):
        return "no commit"


def find_hoop(wanted: Path | None) -> Peer:
    """hoop's own program. Its version is the commit that is checked out, and how it was built."""
    candidates = HOOP_PROGRAMS if wanted is None else (wanted,)
    program = next((path.resolve() for path in candidates if path.is_file()), None)
    if program is None:
        raise Skipped("its program is not built (run the build first, or name it with --hoop PATH)")
    others = tuple((path,) for folder in program.parents[:2] if (path := folder / HOOP_HOLD).is_file())
    return Peer("hoop", (program,), f"{commit()}, {meson_options(program)}", others)
