# SPDX-License-Identifier: MIT
"""What an extension module in C is built with that uses hoop/python.h."""

from pathlib import Path

from . import _core


def get_include() -> str:
    """The folder of hoop's C headers: cc -I this."""
    return str(Path(__file__).resolve().parent / "include")


def get_library() -> str:
    """The library to link with: the very one that this package works with, so that there is one loop for both.

    It is found again by its name when the extension is imported, as `import hoop` has loaded it then.
    """
    return str(Path(_core.__file__).resolve())
