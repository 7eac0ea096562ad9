#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs a build into a temporary folder and checks what users get: tools/symbols.py BUILD_FOLDER

All exported symbols begin with hoop_, the headers are all there, and a small program can be built with what pkg-config
says, in C and in C++, with the shared and with the static library. Prints TAP.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from tap import Tap  # noqa: E402

PROGRAM = """
#include <hoop.h>
static int64_t answer(void *arg)
{
    return hoop_sleep(0) < 0 ? -1 : *(int *)arg;
}
int main(void)
{
    int number = 42;
    return hoop_run(answer, &number) != 42;
}
"""


def output(command: list[str], **options) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def exported(library: Path) -> set[str]:
    """The symbols that a program which links LIBRARY sees."""
    names = set()
    table = "--dyn-syms" if library.suffix != ".a" else "--syms"
    for line in output(["readelf", "--wide", table, str(library)]).splitlines():
        fields = line.split()
        if len(fields) < 8 or not fields[0].rstrip(":").isdigit():
            continue
        binding, visibility, section, name = fields[4], fields[5], fields[6], fields[7]
        if binding in ("GLOBAL", "WEAK") and visibility in ("DEFAULT", "PROTECTED") and section != "UND":
            names.add(name.partition("@")[0])
    return names


def try_program(tap: Tap, name: str, compiler: list[str], flags: list[str], folder: Path, library_folder: Path) -> None:
    source, program = folder / "program.c", folder / "program"
    source.write_text(PROGRAM)
    command = [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", str(source), "-x", "none", "-o", str(program)]
    done = subprocess.run([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        environment = os.environ | {"LD_LIBRARY_PATH": str(library_folder)}
        done = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tap.test(name, done.returncode == 0, f"{' '.join(command + flags)}\nexit status {done.returncode}\n{done.stdout}")


def main() -> None:
    tap = Tap()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        output(["meson", "install", "-C", sys.argv[1], "--no-rebuild", "--quiet", "--destdir", str(folder / "root")])
        pc_file = next((folder / "root").rglob("hoop.pc"))
        libraries = pc_file.parent.parent
        for library in (libraries / "libhoop.so", libraries / "libhoop.a"):
            names = exported(library)
            foreign = sorted(name for name in names if not name.startswith("hoop_"))
            tap.test(f"all symbols of {library.name} begin with hoop_", not foreign, "\n".join(foreign))
            tap.test(f"{library.name} exports the loop", "hoop_run_forever" in names, "\n".join(sorted(names)))

        include = libraries
        while not (include / "include/hoop.h").is_file() and include != folder:
            include = include.parent
        installed = {str(path.relative_to(include / "include")) for path in (include / "include").rglob("*.h")}
        ours = {str(path.relative_to(ROOT / "include")) for path in (ROOT / "include").rglob("*.h")}
        tap.test("all headers are installed, and no others", installed == ours, str(installed ^ ours))

        environment = {**os.environ, "PKG_CONFIG_PATH": str(pc_file.parent)}
        environment["PKG_CONFIG_SYSROOT_DIR"] = str(folder / "root")
        for compiler in (["gcc", "-std=c11", "-x", "c"], ["g++", "-std=c++17", "-x", "c++"]):
            flags = output(["pkg-config", "--cflags", "--libs", "hoop"], env=environment).split()
            try_program(tap, f"{compiler[0]} builds with the shared library", compiler, flags, folder, libraries)
            flags = output(["pkg-config", "--static", "--cflags", "--libs", "hoop"], env=environment).split()
            static = ["-l:libhoop.a" if flag == "-lhoop" else flag for flag in flags]
            try_program(tap, f"{compiler[0]} builds with the static library", compiler, static, folder, folder)
    tap.done()


main()
