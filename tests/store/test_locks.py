"""A lock is held by one at a time, and let go by whoever held it, not only when nothing refers to it any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from loopbook.operations import health, night
from loopbook.store import locks
from loopbook.store.project import Project


@pytest.fixture
def seized(monkeypatch: pytest.MonkeyPatch) -> list[FileLock]:
    """Return the locks that are seized from now on; being referred to here, none is let go by the garbage collector."""
    found: list[FileLock] = []
    real = locks.seized

    def noted(path: Path) -> FileLock | None:
        lock = real(path)
        found.extend([] if lock is None else [lock])
        return lock

    monkeypatch.setattr(locks, "seized", noted)
    return found


def test_a_held_lock_cannot_be_seized_and_is_free_afterwards(seized: list[FileLock], tmp_path: Path) -> None:
    with locks.held(tmp_path / "one.lock"):
        assert locks.seized(tmp_path / "one.lock") is None
    assert [lock.is_locked for lock in seized] == [False]


def test_a_night_lets_its_lock_go(seized: list[FileLock], tmp_path: Path) -> None:
    with night.alone(Project(tmp_path)):
        assert [lock.is_locked for lock in seized] == [True]
    with pytest.raises(ValueError), night.alone(Project(tmp_path)):
        raise ValueError
    assert [lock.is_locked for lock in seized] == [False, False]


def test_a_look_at_unfinished_work_lets_it_go(seized: list[FileLock], tmp_path: Path) -> None:
    (tmp_path / "piece").mkdir()
    assert health._left_over(tmp_path / "piece.lock")
    assert [lock.is_locked for lock in seized] == [False]
