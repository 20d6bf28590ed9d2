"""Micro-batching: what is asked for while a decision is made is decided together next, by one thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Self

from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.service.deciding import Asked, Busy

Decide = Callable[[Sequence[Asked]], list[list[Entry]]]
"""Calls to the entries of each, in their order."""
Known = Callable[[Sequence[Asked]], list[list[Stored] | None]]
"""What was stored before under the keys of calls; None of those that are new."""
Append = Callable[[Sequence[Entry]], "Future[list[Stored]]"]


class _Waiting(NamedTuple):
    asked: Asked
    future: "Future[list[Stored]]"
    since: float


class Batcher:
    """Queue of calls, and the thread that decides them in batches; a context manager.

    Parameters
    ----------
    decide
        Makes the decisions; only this thread calls it.
    known
        Finds what was decided before.
    append
        Writes to the log; a call is answered when that is done.
    most
        Decisions made at once, unless a single call asks for more; 1: each call by itself.
    wait
        Seconds for which a batch waits for more calls after its first.
    room
        Decisions that may wait.
    measured
        Told how long each decision of a batch has waited, in seconds.
    """

    def __init__(
        self,
        decide: Decide,
        known: Known,
        append: Append,
        *,
        most: int = 64,
        wait: float = 0.002,
        room: int = 2_000,
        measured: Callable[[Sequence[float]], None] = lambda waited: None,
    ) -> None:
        self._decide, self._known, self._append, self._measured = decide, known, append, measured
        self._most, self._wait, self._room = most, wait, room
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._changed = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Decide what is waiting, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return self._thread.is_alive() and not self._ending

    def ask(self, asked: Asked) -> "Future[list[Stored]]":
        """Queue a call, without waiting; the future resolves when its decisions are in the log.

        Raises
        ------
        Busy
            If there is no room, or the service is going down. A call that is larger than the room is taken alone.
        """
        future: Future[list[Stored]] = Future()
        with self._changed:
            if not self.alive:
                raise Busy("The service is going down.")
            if self._rows and self._rows + len(asked.requests) > self._room:
                raise Busy(f"{self._rows:,} decisions are waiting already.")
            self._waiting.append(_Waiting(asked, future, time.monotonic()))
            self._rows += len(asked.requests)
            self._changed.notify()
        return future

    def _run(self) -> None:
        while batch := self._batch():
            batch = [call for call in batch if call.future.set_running_or_notify_cancel()]
            now = time.monotonic()
            try:
                self._measured([now - call.since for call in batch for _ in call.asked.requests])
                self._settle(batch)
            except Exception as error:  # whatever it was: who waits is told, and the next batch is decided
                for call in batch:
                    if not call.future.done():
                        call.future.set_exception(error)

    def _batch(self) -> list[_Waiting]:
        """Return the calls to decide next; nothing when all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self._waiting and self._most > 1 and self._wait and not self._ending:
                self._changed.wait_for(lambda: self._rows >= self._most or self._ending, self._wait)
            batch, rows = list[_Waiting](), 0
            while self._waiting and (not batch or rows + len(self._waiting[0].asked.requests) <= self._most):
                batch.append(self._waiting.popleft())
                rows += len(batch[-1].asked.requests)
            self._rows -= rows
            return batch

    def _settle(self, batch: Sequence[_Waiting]) -> None:
        """Decide a batch and write it down; where that fails, each call by itself, so that one harms no other."""
        try:
            before = self._known([call.asked for call in batch])
            new = [call for call, stored in zip(batch, before, strict=True) if stored is None]
            decided = self._decide([call.asked for call in new]) if new else []
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for call in batch:
                self._settle([call])
            return
        for call, stored in zip(batch, before, strict=True):
            if stored is not None:
                call.future.set_result(stored)
        for call, entries in zip(new, decided, strict=True):
            self._write(call.future, entries)

    def _write(self, future: "Future[list[Stored]]", entries: Sequence[Entry]) -> None:
        try:
            self._append(entries).add_done_callback(lambda written: _pass_on(written, future))
        except Exception as error:
            future.set_exception(error)


def _pass_on(written: "Future[list[Stored]]", future: "Future[list[Stored]]") -> None:
    error = written.exception()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(written.result())
