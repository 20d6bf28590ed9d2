"""The advice on a full disk names the disk that is full."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from loopbook.store import disk_space

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("full", ["data", "reports", "tmp"])
def test_where_an_error_names_no_file_the_disk_with_least_room_is_named(tmp_path, monkeypatch, full):
    places = {name: tmp_path / name for name in ("data", "reports", "tmp")}
    for place in places.values():
        place.mkdir()
    room = {place: Usage(10**9, 0, 0 if name == full else 10**9) for name, place in places.items()}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: room[Path(place)])
    found = disk_space.fullest(*(place / "not" / "there" for place in places.values()))
    assert f"The disk that holds {places[full]} is full" in disk_space.remedy(found)


def test_places_on_one_disk_are_told_as_the_first(tmp_path):
    assert disk_space.fullest(tmp_path / "a", tmp_path / "b") == tmp_path / "a"


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="needs a second disk")
def test_another_disk_than_the_projects_is_named_with_its_mount():
    with (
        pytest.raises(disk_space.DiskFull, match="at /dev/shm"),
        disk_space.told(Path("/dev/shm/loopbook/reports/index.html")),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
