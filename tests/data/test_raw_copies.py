"""Copies of raw files go when their time is over, and say so; what is somebody's own never goes."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loopbook.data import raw_copies, sources
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CatalogSource, CsvSource, HttpSource, SimulationSource

NOW = datetime.now(UTC)


def csv(path: Path, days: float) -> Path:
    """Write a file that came some days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,text,alarm\n1,one,yes\n")
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def left(root: Path, *read: sources.Source) -> list[str]:
    raw = root / "data" / "raw"
    for copy in raw_copies.expired(read, root, raw, NOW):
        raw_copies.remove(copy, NOW)
    return sorted(path.name for path in raw.rglob("*") if path.is_file() and ".gone" not in path.name)


@pytest.mark.parametrize(("days", "kept", "stays"), [(8, 7, False), (6, 7, True), (8_000, None, True)])
def test_a_copy_of_ours_stays_as_long_as_the_scenario_says(
    tmp_path: Path, days: float, kept: float | None, stays: bool
) -> None:
    copied = csv(tmp_path / "data" / "raw" / "files" / "mine.csv", days)
    source = CsvSource(kind="csv", path="data/raw/files/mine.csv", keep_raw_days=kept)
    assert left(tmp_path, source) == (["mine.csv"] if stays else [])
    if not stays:
        assert raw_copies.gone(copied) == f"gc took mine.csv away on {NOW:%Y-%m-%d}, 7 days after it came, " + (
            "as source.keep_raw_days says."
        )
        with pytest.raises(DataError, match=r"files/mine\.csv is not there: gc took mine\.csv away .* Put it back"):
            sources.collect(source, tmp_path, tmp_path / "data" / "raw")
        csv(copied, 0)
        assert raw_copies.gone(copied) == "" and left(tmp_path, source) == ["mine.csv"]


@pytest.mark.parametrize("place", ["mine.csv", "data/raw/mine.csv", "data/raw/files/../mine.csv"])
def test_a_file_that_somebody_put_somewhere_never_goes(tmp_path: Path, place: str) -> None:
    (tmp_path / "data" / "raw" / "files").mkdir(parents=True)
    own = csv(tmp_path / place, 9_000)
    source = CsvSource(kind="csv", path=place, keep_raw_days=1)
    left(tmp_path, source)
    assert own.is_file()
    assert sources.collect(source, tmp_path, tmp_path / "data" / "raw").origin["raw"].startswith("read where it lies")


def test_a_link_to_a_file_of_somebody_is_not_followed(tmp_path: Path) -> None:
    own = csv(tmp_path / "elsewhere" / "own.csv", 9_000)
    link = tmp_path / "data" / "raw" / "files" / "link.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to(own)
    left(tmp_path, CsvSource(kind="csv", path="data/raw/files/link.csv", keep_raw_days=1))
    assert own.is_file() and link.is_file()


@pytest.mark.parametrize(("other", "stays"), [(None, True), (900, True), (3, False)])
def test_of_several_scenarios_the_one_that_keeps_longest_decides(
    tmp_path: Path, other: float | None, stays: bool
) -> None:
    data = CatalogSource(kind="catalog", dataset="german-credit", keep_raw_days=7)
    kept = csv(raw_copies.of(data, tmp_path, tmp_path / "data" / "raw")[0], 30)
    left(tmp_path, data, data.model_copy(update={"keep_raw_days": other}))
    assert kept.is_file() == stays


def test_what_came_from_an_address_comes_again_and_the_run_says_why(tmp_path: Path, server) -> None:
    server.content = b"id,text,alarm\n1,one,yes\n"
    source, raw = HttpSource(kind="http", url=f"{server.url}/rows", keep_raw_days=2), tmp_path / "data" / "raw"
    first = sources.collect(source, tmp_path, raw)
    assert "gc takes away 2 days after it came" in first.origin["raw"]
    copy = raw_copies.http(source, raw)
    assert copy.stat().st_mode & 0o077 == 0
    (expired,) = raw_copies.expired([source], tmp_path, raw, NOW + timedelta(days=3))
    raw_copies.remove(expired, NOW)
    said: list[str] = []
    again = sources.collect(source, tmp_path, raw, said.append)
    assert said[0].startswith(f"gc took {copy.name} away") and again.origin == first.origin


def test_where_there_is_no_file_nothing_is_kept(tmp_path: Path) -> None:
    world = SimulationSource(kind="simulation")
    assert raw_copies.lifetime(world, tmp_path, tmp_path).startswith("none")
    assert raw_copies.of(CatalogSource(kind="catalog", dataset="wisconsin-biopsies"), tmp_path, tmp_path) == []
