"""Ctrl-C as a request: the first asks the training to end at the next step, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Asked = Callable[[], bool]
"""Says whether the training has been asked to end."""


@contextmanager
def interruptible() -> Iterator[Asked]:
    """Turn the first Ctrl-C into a request, and leave the second as it is.

    An exception in the middle of anything may be lost, or leave it half done: libraries written in C turn it into
    errors of their own. Threads other than the main one receive no Ctrl-C; there, nothing is changed.
    """
    request = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield request.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        request.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield request.is_set
    finally:
        signal.signal(signal.SIGINT, before)
