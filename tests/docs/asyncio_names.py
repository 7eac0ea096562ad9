#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the public names of asyncio, each with the page of Python's documentation that it belongs to:

    python3.14 tests/docs/asyncio_names.py objects.inv > tests/docs/asyncio-3.14.txt

objects.inv is the index of that version's documentation (in Debian, of python3.14-doc). Names come from there and from
looking at the module: all of __all__, and what its classes do not have from each other. Methods of event loops are
called loop.…, as in the documentation.
"""

import asyncio
import inspect
import re
import sys
import warnings
import zlib
from pathlib import Path

SPECIAL = {"__aenter__", "__aexit__", "__enter__", "__exit__", "__await__"}
LOOPS = {"AbstractEventLoop", "BaseEventLoop", "EventLoop", "SelectorEventLoop"}

# The page of what the documentation does not have; other methods are on the page of their class.
PAGES = {"AbstractServer": "eventloop", "BaseEventLoop": "extending", "StreamReaderProtocol": "stream",
         "FutureCallGraph": "graph", "FrameCallGraphEntry": "graph", "iscoroutinefunction": "task",
         "_get_running_loop": "extending", "_set_running_loop": "extending"}


def documented(inventory: Path) -> dict[str, str]:
    """The names in the documentation, each with its page."""
    pages = {}
    text = zlib.decompress(inventory.read_bytes().split(b"\n", 4)[4]).decode()
    for line in text.splitlines():
        name, role, address = re.match(r"(.+?)\s+(\S+)\s+-?\d+\s+(\S*)", line).groups()
        page = re.match(r"library/asyncio-([\w-]+)\.html", address)
        if name == "PYTHONASYNCIODEBUG":
            pages[name] = "dev"
        elif page and role == "std:cmdoption":
            pages[f"python -m asyncio {name}"] = page[1]
        elif page and role.startswith("py:"):
            pages[name.removeprefix("asyncio.")] = page[1]
    return pages


def found() -> set[str]:
    """The names in the module."""
    public = {name: getattr(asyncio, name) for name in asyncio.__all__}
    classes = {name: thing for name, thing in public.items() if inspect.isclass(thing)}
    names = set(public)
    for name, cls in classes.items():
        loop = name in LOOPS
        above = [parent for parent in cls.__mro__[1:] if parent in classes.values() and not loop]
        for member in dir(cls):
            is_public = not member.startswith("_") or member in SPECIAL
            is_own = member in vars(cls) or not any(hasattr(parent, member) for parent in above)
            if is_public and is_own and not hasattr(OSError, member):
                names.add(f"{'loop' if loop else name}.{member}")
    return names


def main() -> None:
    warnings.simplefilter("ignore")
    pages = documented(Path(sys.argv[1]))
    for name in found() - pages.keys():
        owner = name.split(".")[0]
        pages[name] = "eventloop" if owner == "loop" else pages.get(owner) or PAGES[owner]
    print("# SPDX-License-Identifier: MIT")
    print("#")
    print(f"# The public names of asyncio in Python {sys.version.split()[0]}: page of the documentation, name.")
    print("# Made by asyncio_names.py.")
    for name in sorted(pages, key=lambda name: (pages[name], name)):
        print(pages[name], name)


if __name__ == "__main__":
    main()
