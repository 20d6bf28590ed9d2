"""A folder in the store is whole or not there."""

import multiprocessing
from pathlib import Path

from loopbook.store import vault


def _work(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "value.txt").write_text(text)
    return folder


def test_sealing_moves_the_work_and_marks_it(tmp_path: Path) -> None:
    target = vault.seal(_work(tmp_path / "work", "a"), tmp_path / "store" / "key", {"seconds": 1})
    assert vault.is_whole(target)
    assert vault.manifest(target) == {"seconds": 1}
    assert not (tmp_path / "work").exists()


def test_the_first_writer_wins(tmp_path: Path) -> None:
    target = tmp_path / "store" / "key"
    vault.seal(_work(tmp_path / "one", "first"), target, {})
    vault.seal(_work(tmp_path / "two", "second"), target, {})
    assert (target / "value.txt").read_text() == "first"
    assert not (tmp_path / "two").exists()


def test_a_folder_without_marker_is_not_whole_and_is_replaced(tmp_path: Path) -> None:
    target = _work(tmp_path / "store" / "key", "torn")
    assert not vault.is_whole(target)
    vault.seal(_work(tmp_path / "work", "good"), target, {})
    assert (target / "value.txt").read_text() == "good"


def _claim_and_count(folder: Path) -> None:
    for _ in range(20):
        with vault.claimed(folder / "work") as work:
            file = work / "count"
            value = int(file.read_text()) if file.exists() else 0
            file.write_text(str(value + 1))


def test_a_claimed_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_claim_and_count, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "work" / "count").read_text() == "40"


def test_what_a_killed_write_left_is_gone_before_the_work_goes_on(tmp_path: Path) -> None:
    work = _work(tmp_path / "work", "an epoch")
    (work / ".4711.state.npz").write_text("half of the n")
    (work / "events").mkdir()
    (work / "events" / ".4711.events").touch()
    (work / ".hidden").touch()
    (work / vault.MARKER).write_text("{}")  # killed before the move into the store
    with vault.claimed(work) as claimed:
        assert sorted(path.name for path in claimed.rglob("*")) == [".hidden", "events", "value.txt"]
