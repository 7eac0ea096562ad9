# SPDX-License-Identifier: MIT
"""What a row is, and how work is timed."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    name: str
    unit: str  # "ns" or "B" (bytes)
    measure: Callable[[], Coroutine[Any, Any, float]]


async def timed(work: Callable[[int], Awaitable[None]], rounds: int) -> float:
    """Does rounds / 10 of the work to warm up, then rounds of it: nanoseconds a round."""
    await work(rounds // 10)
    start = time.perf_counter_ns()
    await work(rounds)
    return (time.perf_counter_ns() - start) / rounds
