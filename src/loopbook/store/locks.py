"""Locks between processes: the system takes one away from a process that ends, however it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


def seized(path: Path) -> FileLock | None:
    """Return a lock that is held until its `release` (a ``with`` would hold it twice); None if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with suppress(Timeout):
        lock.acquire(blocking=False)
    return lock if lock.is_locked else None


@contextmanager
def held(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock; if another process holds it, call `waiting` first, and wait until it is free."""
    lock = seized(path)
    if lock is None:
        waiting()
        lock = FileLock(path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
