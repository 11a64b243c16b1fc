"""Batches made in a thread of their own, while the network trains on others."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetch(
    make: Callable[[], Iterator[T]], ahead: int = 4, stop: Callable[[], object] = lambda: False
) -> Generator[T]:
    """Run an iterator in a thread of its own, at most `ahead` items in front; its errors come out here.

    Where an item is long in coming, `stop` is asked now and then whether to end without it.
    """
    items: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def offer(item: T | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            try:
                items.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in make():
                offer(item)
                if stopped.is_set():
                    return
            offer(None, StopIteration())
        except BaseException as error:
            offer(None, error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error = items.get(timeout=0.5)
            except queue.Empty:
                if stop():
                    return
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            assert item is not None
            yield item
    finally:
        stopped.set()
        thread.join()
