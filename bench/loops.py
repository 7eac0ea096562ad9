# SPDX-License-Identifier: MIT
"""The event loops that the table of Python compares, each on the interpreter that runs this.

All of them run python/loop_bench.py. uvloop and the frameworks that some rows need are installed in an environment of
the benchmark's own, build-bench/python-VERSION; hoop's package is built and installed by tools/python.sh. A loop
that cannot be had here raises Skipped with the reason.
"""

import functools
import platform
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from measure import say
from peers import BENCH, BUILD, ROOT, Peer, Skipped, commit, meson_options, run_tool
from rows import HOOP

FRAMEWORKS = ("uvicorn", "httptools", "aiohttp")
PROGRAM = BENCH / "python" / "loop_bench.py"
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}" + ("t" if IS_FREE_THREADED else "")
ENVIRONMENT = BUILD / f"python-{VERSION}"


def _version_of(package: str) -> str:
    """Of a package in ENVIRONMENT, where it is installed unless it is there."""
    python = str(ENVIRONMENT / "bin" / "python")
    if not Path(python).exists():
        run_tool([sys.executable, "-m", "venv", str(ENVIRONMENT)])
    ask = [python, "-c", f"from importlib.metadata import version; print(version({package!r}))"]
    try:
        return run_tool(ask)
    except Skipped:
        run_tool([python, "-m", "pip", "install", "-q", "--only-binary=:all:", package])
        return run_tool(ask)


@functools.cache
def _describe_frameworks() -> str:
    """Installs them as well; once, whichever loop is looked for first."""
    described = ""
    for framework in FRAMEWORKS:
        try:
            described += f", {framework} {_version_of(framework)}"
        except Skipped as reason:
            say(f"*** the rows that need {framework} are SKIPPED: {reason}")
    return described


def _peer(name: str, python: Path | str, version: str) -> Peer:
    """All of them find the frameworks in ENVIRONMENT."""
    _describe_frameworks()
    packages = ENVIRONMENT / "lib" / f"python{VERSION}" / "site-packages"
    return Peer(name, ("env", f"PYTHONPATH={packages}", python, PROGRAM, name), version)


def _find_asyncio() -> Peer:
    return _peer("asyncio", sys.executable, f"Python {platform.python_version()}{_describe_frameworks()}")


def _find_uvloop() -> Peer:
    return _peer("uvloop", sys.executable, f"uvloop {_version_of('uvloop')}")


def _find_hoop() -> Peer:
    python = run_tool(["tools/python.sh", sys.executable], cwd=ROOT)
    build = ROOT / f"build-python-{VERSION}"
    return _peer(HOOP, python, f"{commit()}, {meson_options(build / 'python')}")


FINDERS: dict[str, Callable[[], Peer]] = {HOOP: _find_hoop, "asyncio": _find_asyncio, "uvloop": _find_uvloop}
