# SPDX-License-Identifier: MIT
"""The exception handler: the default one, a program's own, and one that is broken itself."""

import contextvars

import hoop
import pytest


def test_the_default_handler_logs_all_that_is_known(loop: hoop.Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.call_exception_handler({"message": "it broke", "exception": LookupError("lost"), "thing": [1]})
    (record,) = caplog.records
    assert record.name == "asyncio" and record.getMessage() == "it broke\nthing: [1]"
    assert record.exc_info is not None and str(record.exc_info[1]) == "lost"


def test_without_a_message_it_says_so_much(loop: hoop.Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.call_exception_handler({})
    assert caplog.messages == ["Unhandled exception in event loop"]


def test_debug_mode_tells_where_the_running_callback_was_scheduled(
    loop: hoop.Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def report() -> None:
        loop.call_exception_handler({"message": "it broke"})
        loop.stop()

    loop.set_debug(True)
    loop.call_soon(report)
    loop.run_forever()
    assert "Handle created at (most recent call last)" in caplog.text and "test_exception_handler.py" in caplog.text


def test_a_programs_handler_is_called_in_the_callbacks_context(loop: hoop.Loop) -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    got: list[int] = []
    loop.set_exception_handler(lambda loop, context: got.append(variable.get()))
    context = contextvars.copy_context()
    context.run(variable.set, 5)
    loop.call_soon(lambda: 1 / 0, context=context)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert got == [5]


def test_a_broken_handler_is_reported_and_the_loop_goes_on(loop: hoop.Loop, caplog: pytest.LogCaptureFixture) -> None:
    def broken(loop: object, context: object) -> None:
        raise LookupError("broken too")

    loop.set_exception_handler(broken)
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert "Unhandled error in exception handler" in caplog.text


def test_a_handler_may_end_the_run(loop: hoop.Loop) -> None:
    def leave(loop: object, context: object) -> None:
        raise SystemExit(3)

    loop.set_exception_handler(leave)
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        loop.run_forever()


def test_what_is_no_handler_is_refused(loop: hoop.Loop) -> None:
    with pytest.raises(TypeError, match="A callable object or None is expected"):
        loop.set_exception_handler(5)  # type: ignore[arg-type]
    assert loop.get_exception_handler() is None
