# SPDX-License-Identifier: MIT
"""Counting what a process holds, before and after many operations.

What is counted: references (where the interpreter counts them, a debug build), objects that the garbage collector
knows, blocks of Python's allocator, bytes of malloc's, descriptors and threads. A leak is what grows with each round of
operations; what a first round leaves behind, caches and tables, is not.
"""

import ctypes
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields


@dataclass
class Held:
    references: float = 0
    objects: float = 0
    blocks: float = 0
    bytes: float = 0
    descriptors: float = 0
    threads: float = 0


# What may come or go by itself in one round, of any size: a dict that is resized, a thread's last words.
NOISE = Held(references=60, objects=30, blocks=60, bytes=20_000, descriptors=0, threads=0)
# And for each operation of the round. One in a hundred that leaks is found.
NOISE_EACH = Held(references=0.005, objects=0.005, blocks=0.005, bytes=0.5)


class _Mallinfo(ctypes.Structure):
    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def _allocated_bytes() -> int:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks + info.hblkhd)


def _settle() -> None:
    """Threads that end do so after what was waited for; and cycles need the collector, some of them twice."""
    deadline = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    for _ in range(3):
        gc.collect()


def held() -> Held:
    _settle()
    if hasattr(sys, "_clear_internal_caches"):
        sys._clear_internal_caches()
    elif hasattr(sys, "_clear_type_cache"):
        sys._clear_type_cache()
    return Held(
        references=getattr(sys, "gettotalrefcount", int)(),
        objects=len(gc.get_objects()),
        blocks=sys.getallocatedblocks(),
        bytes=_allocated_bytes(),
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=len(os.listdir("/proc/self/task")),
    )


def growth(operate: Callable[[int], object], count: int, rounds: int = 3) -> dict[str, float]:
    """What grew by more than noise in each of ROUNDS rounds of COUNT operations, and by how much an operation.

    Rounds end with the first one in which nothing grows that grew in those before.
    """
    operate(max(count // 10, 2))
    operate(max(count // 10, 2))
    suspects: dict[str, float] = {}
    before = held()
    for number in range(rounds):
        operate(count)
        after = held()
        grown = {}
        for field in fields(Held):
            more = getattr(after, field.name) - getattr(before, field.name)
            if more > getattr(NOISE, field.name) + getattr(NOISE_EACH, field.name) * count:
                grown[field.name] = more / count
        suspects = grown if number == 0 else {name: grown[name] for name in suspects if name in grown}
        if not suspects:
            break
        before = after
    return suspects
