"""Signals as requests: the training ends at a place of its own choosing, where nothing is lost."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Asked = Callable[[], int]
"""Returns the number of the signal that has asked the training to end; 0 if none has."""

LEAVE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that leave no time to judge: of a scheduler, and of a terminal that closes."""

HANGUP = getattr(signal, "SIGHUP", None)


def _leave_terminal() -> None:
    """Let what is still said go nowhere: writing to a terminal that has closed fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        if stat.S_ISCHR(os.fstat(output).st_mode):
            os.dup2(nowhere, output)
    os.close(nowhere)


@contextmanager
def interruptible() -> Iterator[Asked]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into requests; a second one acts as it always does.

    An exception in the middle of anything may be lost, or leave it half done: libraries written in C turn it into
    errors of their own. A signal that is ignored, as SIGHUP under `nohup`, stays so. Threads other than the main one
    receive no signals; there, nothing is changed.
    """
    request = 0
    before: dict[int, object] = {}

    def asked() -> int:
        return request

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal request
        request = number
        if number == HANGUP:
            _leave_terminal()
        signal.signal(number, before[number])  # type: ignore[arg-type]

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *LEAVE):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
