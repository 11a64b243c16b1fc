"""One function on many items at once: in threads, or in processes, of which each may die."""

from __future__ import annotations

import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

from pellucid.common import PellucidError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST_SENT = 16
"""Items that a process is sent at a time, at most; while it works on them, as many more wait."""

_SOON = 0.1  # seconds after which answers are sent, before all of the items that came together are done


@dataclass(frozen=True)
class Died:
    """The answer for an item if its process ended, on it or on one sent with it; `how` completes "the process ..."."""

    how: str


def in_threads(
    work: Callable[[Item], Answer], items: Iterable[Item], count: int
) -> Generator[tuple[Item, Answer], None, None]:
    """Yield each item with what `work` returns for it, as they come, from `count` threads.

    When the generator is closed or interrupted, the items at hand are finished, and no more are begun.
    """
    left = iter(items)
    with ThreadPoolExecutor(count) as pool:
        running: dict[Future[Answer], Item] = {}
        try:
            while True:
                running |= {pool.submit(work, item): item for item in islice(left, 2 * count - len(running))}
                if not running:
                    return
                done, _ = wait_for_futures(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def in_processes(
    work: bytes, items: Sequence[Item], count: int, most: int = MOST_SENT
) -> Generator[tuple[Item, Any], None, None]:
    """Yield each item with what a function returns for it, as they come, from `count` processes.

    Of a process that dies, the items that were sent together and are not answered get the answer `Died`, and another
    process goes on with the rest. When the generator is closed or interrupted, the items at hand are finished, and no
    more are begun.

    Parameters
    ----------
    work : the pickled function; it is unpickled once in every process. It should raise nothing.
    items : that can be pickled
    count : of processes
    most : items that a process is sent at a time, at most

    Raises
    ------
    PellucidError
        If the processes cannot be started.
    """
    size = min(most, max(1, len(items) // (8 * count)))
    chunks = iter([items[start : start + size] for start in range(0, len(items), size)])
    workers = {worker.answers: worker for worker in (_Worker(work) for _ in range(min(count, len(items))))}
    try:
        for worker in [*workers.values()] * 2:
            worker.send(next(chunks, ()))
        while any(worker.waiting for worker in workers.values()):
            for ready in wait([answers for answers, worker in workers.items() if worker.waiting]):
                worker = workers[cast("Connection", ready)]
                if not worker.ready:
                    worker.begin()
                    continue
                at_hand = worker.waiting[0]
                try:
                    answers = worker.answers.recv()
                except (EOFError, OSError):
                    answers = [Died(worker.ended())] * len(at_hand)
                    del workers[worker.answers]
                    _, *rest = worker.waiting
                    worker = _Worker(work)
                    workers[worker.answers] = worker
                    for chunk in rest:
                        worker.send(chunk)
                else:
                    if len(answers) == len(at_hand):
                        worker.waiting.popleft()
                    else:
                        worker.waiting[0] = at_hand[len(answers) :]
                if len(worker.waiting) < 2:
                    worker.send(next(chunks, ()))
                yield from zip(at_hand, answers, strict=False)
    finally:
        for worker in workers.values():
            worker.answers.close()  # which ends it when it sends, or waits for, the next
        for worker in workers.values():
            worker.process.join()


class _Worker:
    """A process that has been started, and what was sent to it and is not answered, in the order of sending."""

    def __init__(self, work: bytes) -> None:
        # Started afresh, not forked: a fork would inherit the engine's locks without its threads.
        context = get_context("spawn")
        self.answers, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _held_back():
            self.process.start()
        theirs.close()
        self.waiting: deque[Sequence[Any]] = deque()
        self.ready = False

    def send(self, items: Sequence[Any]) -> None:
        """Give the process more to do."""
        if items:
            self.waiting.append(items)
            with suppress(OSError):  # it has died, as will be seen when an answer is due
                self.answers.send(items)

    def begin(self) -> None:
        """Take the first message: that the process is ready, or why it is not."""
        try:
            reason = self.answers.recv()
        except (EOFError, OSError):
            reason = f'it {self.ended()}. A script starts processes under `if __name__ == "__main__":` only'
        if reason:
            raise PellucidError(f"a process to work in could not be started: {reason.rstrip('.')}.")
        self.ready = True

    def ended(self) -> str:
        """Say how the process ended."""
        self.answers.close()
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"ended with the exit code {code}"
        with suppress(ValueError):
            return f"was ended by the signal {signal.Signals(-code).name}"
        return f"was ended by the signal {-code}"


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold Ctrl-C back, here for the moment, and for good in processes that are started meanwhile.

    It reaches every process, but the first one alone decides.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # when it begins, it lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(requests: Connection, work: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, where it cannot be held back
    with suppress(EOFError, OSError):  # the first process has ended, or wants no more
        try:
            function = pickle.loads(work)
        except Exception as error:
            requests.send(f"{type(error).__name__}: {error}")
            return
        requests.send(None)
        while True:
            items = requests.recv()
            answers, begun = [], time.monotonic()
            for place, item in enumerate(items, 1):
                answers.append(function(item))
                if place == len(items) or time.monotonic() > begun + _SOON:
                    requests.send(answers)
                    answers, begun = [], time.monotonic()
