# SPDX-License-Identifier: MIT
"""The lives of handles."""

import gc
import weakref

import hoop
import pytest
from programs import output_of


@pytest.mark.parametrize("schedule", ["call_soon(", "call_later(0, "])
def test_a_long_chain_of_handles_ends_without_a_deep_stack(schedule: str) -> None:
    """Each is the argument of the next, as where a callback is told of the timer before."""
    program = f"""
        import hoop
        loop = hoop.new_event_loop()
        handle = None
        for _ in range(300_000):
            handle = loop.{schedule}id, handle)
        del handle
        loop.call_later(0.01, loop.stop)
        loop.run_forever()
        loop.close()
        print("end")
    """
    assert output_of(program) == "end\n"


def test_a_handle_in_a_cycle_of_its_own_is_collected(loop: hoop.Loop) -> None:
    for schedule in (loop.call_soon, lambda callback, holder: loop.call_later(0, callback, holder)):
        holder: list[object] = []
        holder.append(schedule(holder.append, holder))
        kept = weakref.ref(holder[0])
        del holder
        loop.call_later(0.01, loop.stop)
        loop.run_forever()
        gc.collect()
        assert kept() is None
