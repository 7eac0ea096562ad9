# SPDX-License-Identifier: MIT
"""call_soon: order, batches, arguments, contexts, handles, and what may not be scheduled."""

import asyncio
import contextvars
import gc
import math
import weakref

import hoop
import pytest


def test_callbacks_run_in_the_order_of_scheduling(loop: hoop.Loop) -> None:
    ran: list[int] = []
    for number in range(5):
        loop.call_soon(ran.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [0, 1, 2, 3, 4]


def test_what_a_callback_schedules_waits_for_the_next_iteration(loop: hoop.Loop) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.call_soon(ran.append, "later")

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == ["first", "second"]
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == ["first", "second", "later"]


def test_arguments_are_handed_over_however_many(loop: hoop.Loop) -> None:
    got: list[tuple[object, ...]] = []
    for arguments in [(), (1,), ((),), (1, 2), (1, 2, 3)]:
        loop.call_soon(lambda *args: got.append(args), *arguments)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert got == [(), (1,), ((),), (1, 2), (1, 2, 3)]


def test_arguments_may_be_named_as_asyncios_are(loop: hoop.Loop) -> None:
    ran: list[int] = []
    loop.call_soon(callback=lambda: ran.append(1))
    loop.call_soon_threadsafe(callback=lambda: ran.append(2))
    loop.call_later(delay=0, callback=lambda: ran.append(3))
    loop.call_later(0.001, callback=loop.stop, context=contextvars.copy_context())
    loop.call_at(when=math.inf, callback=loop.stop)
    loop.set_task_factory(factory=None)
    loop.run_forever()
    assert ran == [1, 2, 3]
    with pytest.raises(TypeError, match="multiple values for argument 'callback'"):
        loop.call_soon(print, callback=print)  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'callback'"):
        loop.call_soon()  # type: ignore[call-arg]


def test_a_callback_runs_in_the_context_it_was_given_or_a_copy_of_the_current_one(loop: hoop.Loop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    other = contextvars.copy_context()
    other.run(variable.set, "other")
    got: list[str] = []
    variable.set("now")
    loop.call_soon(lambda: got.append(variable.get()))
    loop.call_soon(lambda: got.append(variable.get()), context=other)
    variable.set("afterwards")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert got == ["now", "other"]


def test_a_cancelled_callback_does_not_run_and_lets_go_of_what_it_held(loop: hoop.Loop) -> None:
    class Held:
        def method(self) -> None:
            raise AssertionError

    held = Held()
    alive = weakref.ref(held)
    handle = loop.call_soon(held.method)
    del held
    assert not handle.cancelled()
    handle.cancel()
    handle.cancel()
    assert handle.cancelled() and alive() is None
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_a_callback_may_cancel_its_own_handle(loop: hoop.Loop) -> None:
    def cancel(word: str) -> None:
        handle.cancel()
        assert word == "word"
        loop.stop()

    handle = loop.call_soon(cancel, "word")
    loop.run_forever()
    assert handle.cancelled()


def test_handles_are_instances_of_asyncios(loop: hoop.Loop) -> None:
    assert isinstance(loop.call_soon(print), asyncio.Handle)
    assert not isinstance(loop.call_soon(print), asyncio.TimerHandle)
    assert isinstance(loop.call_later(1, print), asyncio.TimerHandle)


def test_a_failed_callback_reaches_the_exception_handler_and_the_others_run(loop: hoop.Loop) -> None:
    told: list[dict[str, object]] = []
    ran: list[int] = []
    loop.set_exception_handler(lambda loop, context: told.append(context))
    handle = loop.call_soon(lambda: 1 / 0)
    loop.call_soon(ran.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [1]
    (context,) = told
    assert isinstance(context["exception"], ZeroDivisionError) and context["handle"] is handle
    assert str(context["message"]).startswith("Exception in callback test_a_failed_callback")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_the_end_of_the_program_leaves_the_rest_for_the_next_run(loop: hoop.Loop, error: type[BaseException]) -> None:
    ran: list[int] = []

    def fail() -> None:
        loop.call_soon(ran.append, 2)
        raise error("enough")

    loop.call_soon(fail)
    loop.call_soon(ran.append, 1)
    with pytest.raises(error, match="enough"):
        loop.run_forever()
    assert ran == []
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [1, 2]


def test_a_closed_loop_takes_nothing(loop: hoop.Loop) -> None:
    loop.close()
    for schedule in (lambda: loop.call_soon(print), lambda: loop.call_later(1, print), lambda: loop.call_at(1, print)):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            schedule()


async def coroutine() -> None:
    raise AssertionError


def test_in_debug_mode_coroutines_and_what_cannot_be_called_are_refused(loop: hoop.Loop) -> None:
    loop.set_debug(True)
    with pytest.raises(TypeError, match=r"coroutines cannot be used with call_soon\(\)"):
        loop.call_soon(coroutine)
    made = coroutine()
    with pytest.raises(TypeError, match=r"coroutines cannot be used with call_later\(\)"):
        loop.call_later(1, made)
    made.close()
    with pytest.raises(TypeError, match=r"a callable object was expected by call_at\(\), got 5"):
        loop.call_at(1, 5)


def test_a_loop_that_nobody_closed_is_collected_with_what_it_holds() -> None:
    loop = hoop.new_event_loop()
    alive = weakref.ref(loop)
    loop.call_soon(print, loop)
    loop.call_later(100, print, loop)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()
    assert alive() is None
