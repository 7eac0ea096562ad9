# SPDX-License-Identifier: MIT
"""The loop's own handlers of signals. How signals wake the loop: src/signals.h."""

import contextvars
import errno
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

from .base import LoopPart
from .describe import refuse_coroutine


def _leave_to_the_loop(number: int, frame: FrameType | None) -> None:
    """What the interpreter calls; that it writes to the loop's pipe is all that is wanted."""


def _check_number(number: Any) -> None:
    if not isinstance(number, int):
        raise TypeError(f"sig must be an int, not {number!r}")
    if number not in signal.valid_signals():
        raise ValueError(f"invalid signal number {number}")


def _set_disposition(number: int, handler: Any) -> None:
    try:
        signal.signal(number, handler)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise RuntimeError(f"sig {number} cannot be caught") from None
        raise


class Signals(LoopPart):
    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Calls callback(*args) in the loop whenever the signal comes. Only in the main thread."""
        refuse_coroutine(callback, "add_signal_handler")
        _check_number(sig)
        self._check_closed()
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("set_wakeup_fd only works in main thread of the main interpreter")
        self._listen_to_signals(True)
        self._signal_handlers[sig] = (callback, args, contextvars.copy_context())
        try:
            _set_disposition(sig, _leave_to_the_loop)
            # System calls that the signal interrupts go on.
            signal.siginterrupt(sig, False)
        except BaseException:
            del self._signal_handlers[sig]
            self._handler_is_gone()
            raise

    def remove_signal_handler(self, sig: int) -> bool:
        """Whether there was one; the signal does what it does by default from then on."""
        _check_number(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        _set_disposition(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        self._handler_is_gone()
        return True

    def _handler_is_gone(self) -> None:
        if not self._signal_handlers:
            self._listen_to_signals(False)

    def close(self) -> None:
        super().close()
        if not sys.is_finalizing():
            for sig in list(self._signal_handlers):
                self.remove_signal_handler(sig)
        elif self._signal_handlers:
            message = f"Closing the loop {self!r} on interpreter shutdown stage, skipping signal handlers removal"
            warnings.warn(message, ResourceWarning, source=self)
            self._signal_handlers.clear()
