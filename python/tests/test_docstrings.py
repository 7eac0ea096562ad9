# SPDX-License-Identifier: MIT
"""help(hoop): each public name says what it does and takes. The loop has all that this Python's asyncio asks of one."""

import asyncio
import inspect
from typing import Any

import hoop
import pytest

NAMES = [name for name in dir(hoop.Loop) if not name.startswith("_")]
METHODS = [name for name in NAMES if callable(getattr(hoop.Loop, name))]
ASKED_FOR = sorted(
    name
    for name in {*dir(asyncio.AbstractEventLoop), *dir(asyncio.BaseEventLoop), *dir(asyncio.SelectorEventLoop)}
    if not name.startswith("_")
)


def own(name: str) -> Any:
    """What hoop.Loop has by this name from hoop's own classes."""
    for owner in hoop.Loop.__mro__:
        if owner.__module__.split(".")[0] == "hoop" and name in vars(owner):
            return vars(owner)[name]
    raise AssertionError(f"hoop.Loop has no {name} of its own")


def says_what_it_does(thing: Any) -> bool:
    """Whether a docstring is a sentence, not a name."""
    text = (thing.__doc__ or "").strip()
    return " " in text and text.split("\n")[0][-1] in ".,:;"


@pytest.mark.parametrize("name", hoop.__all__)
def test_a_name_of_the_package_has_a_docstring_and_a_signature(name: str) -> None:
    thing = getattr(hoop, name)
    assert thing.__module__.split(".")[0] == "hoop"
    # A class without one of its own has none: type.__doc__ is not inherited.
    assert says_what_it_does(thing)
    inspect.signature(thing)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_loop_has_a_docstring_of_its_own(name: str) -> None:
    assert says_what_it_does(own(name))


@pytest.mark.parametrize("name", sorted({*ASKED_FOR, "slow_callback_duration"}))
def test_the_loop_has_what_asyncio_asks_for(name: str) -> None:
    assert own(name) is not vars(asyncio.AbstractEventLoop).get(name)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_asyncios_takes(name: str) -> None:
    """Positional ones may have other names; how many, and their defaults, count. Keywords count whole."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ours = inspect.signature(own(name)).parameters
    theirs = inspect.signature(getattr(asyncio.SelectorEventLoop, name)).parameters
    ours_by_position = [parameter.default for parameter in ours.values() if parameter.kind in kinds]
    theirs_by_position = [parameter.default for parameter in theirs.values() if parameter.kind in kinds]
    assert ours_by_position[: len(theirs_by_position)] == theirs_by_position

    ours_kinds = {parameter.kind for parameter in ours.values()}
    for name, parameter in theirs.items():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.VAR_KEYWORD not in ours_kinds:
            assert ours[name].default == parameter.default
        elif parameter.kind is parameter.VAR_POSITIONAL:
            assert parameter.VAR_POSITIONAL in ours_kinds
