# SPDX-License-Identifier: MIT
"""call_later and call_at: order, times, cancelling, what a handle tells."""

import math
import time

import hoop
import pytest


def test_the_clock_is_that_of_time_monotonic(loop: hoop.Loop) -> None:
    before = time.monotonic()
    now = loop.time()
    assert before <= now <= time.monotonic()


def test_timers_fire_in_the_order_of_their_times_and_equal_ones_as_they_were_set(loop: hoop.Loop) -> None:
    ran: list[int] = []
    now = loop.time()
    for delay, number in [(0.02, 4), (0.01, 1), (0.01, 2), (0.01, 3), (-1, 0)]:
        loop.call_at(now + delay, ran.append, number)
    loop.call_at(now + 0.03, loop.stop)
    loop.run_forever()
    assert ran == [0, 1, 2, 3, 4]


def test_a_timer_is_never_early(loop: hoop.Loop) -> None:
    missed: list[float] = []

    def note(when: float) -> None:
        missed.append(loop.time() - when)

    now = loop.time()
    for microseconds in range(0, 3000, 37):
        when = now + microseconds / 1e6
        loop.call_at(when, note, when)
    loop.call_at(now + 0.004, loop.stop)
    loop.run_forever()
    assert len(missed) == 82 and min(missed) >= 0


def test_a_cancelled_timer_does_not_fire(loop: hoop.Loop) -> None:
    handle = loop.call_later(0.001, pytest.fail)
    handle.cancel()
    late = loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert handle.cancelled() and not late.cancelled()


def test_a_timer_that_is_due_can_still_be_cancelled(loop: hoop.Loop) -> None:
    def first() -> None:
        second.cancel()
        loop.call_soon(loop.stop)

    now = loop.time()
    loop.call_at(now, first)
    second = loop.call_at(now, pytest.fail)
    loop.run_forever()


def test_a_handle_tells_its_time(loop: hoop.Loop) -> None:
    handle = loop.call_at(12345.5, print)
    assert handle.when() == 12345.5 and "when=12345.5" in repr(handle)
    later = loop.call_at(12346.5, print)
    assert handle < later and later >= handle and handle != later and handle == handle
    assert hash(handle) == hash(12345.5)
    handle.cancel()
    assert "cancelled" in repr(handle)


def test_never_is_a_time(loop: hoop.Loop) -> None:
    handle = loop.call_later(math.inf, pytest.fail)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert handle.when() == math.inf


def test_what_is_no_time_is_refused(loop: hoop.Loop) -> None:
    with pytest.raises(TypeError, match="delay must not be None"):
        loop.call_later(None, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="when cannot be None"):
        loop.call_at(None, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        loop.call_later("soon", print)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        loop.call_at(math.nan, print)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        loop.call_later(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'contxt'"):
        loop.call_later(1, print, contxt=None)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="must be a contextvars.Context"):
        loop.call_later(1, print, context=5)  # type: ignore[arg-type]
