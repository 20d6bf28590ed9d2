"""Bytes flipped in the store are never used silently: a run ends right, or is refused."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from loopbook.cli.commands import app
from loopbook.store import content, records, snapshots, vault
from loopbook.store.project import Project
from loopbook.store.snapshots import Snapshot

FLIPS = 20


def run(project: Project) -> records.Run:
    """Run the small agent by the command line; return its record."""
    done = CliRunner().invoke(app, ["run", "--scenario", "tiny"])
    assert done.exit_code == 0, done.output
    return next(iter(records.runs(project)[-1:]))


CHANCE = random.Random(10)


def flip(file: Path, at: int | None = None) -> tuple[int, int]:
    """Flip one bit pattern at random in a file; return where, and the byte that was there."""
    data = bytearray(file.read_bytes())
    place = CHANCE.randrange(len(data)) if at is None else at
    was = data[place]
    data[place] ^= CHANCE.randrange(1, 256)
    file.write_bytes(data)
    return place, was


def table(folder: Path) -> Path:
    return content.save(pd.DataFrame({"x": np.arange(300.0), "t": [f"row {n}" for n in range(300)]}), folder / "train")


def arrays(folder: Path) -> Path:
    return content.save({"weights": CHANCE.random() * np.ones((20, 3))}, folder / "arrays")


def plain(folder: Path) -> Path:
    return content.save({"sum": 12.0, "names": ["one", "two"]}, folder / "model")


def events(folder: Path) -> Path:
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "events.out.tfevents.1").write_bytes(CHANCE.randbytes(2_000))
    return folder / "events"


def network(folder: Path) -> Path:
    (folder / "champion").mkdir(parents=True)
    (folder / "champion" / "model.keras").write_bytes(CHANCE.randbytes(9_000))
    (folder / "champion" / "features.json").write_text("{}")
    return folder / "champion"


def graph(folder: Path) -> Path:
    (folder / "champion").mkdir(parents=True)
    (folder / "champion" / "model.onnx").write_bytes(CHANCE.randbytes(9_000))
    return folder / "champion"


def sealed(tmp_path: Path, make: Callable[[Path], Path]) -> tuple[Path, Path]:
    """Seal one artifact; return it as it lies in the store, and its folder."""
    work, target = tmp_path / "data" / "work" / "a", tmp_path / "data" / "store" / "02_data" / f"key{CHANCE.random()}"
    work.mkdir(parents=True)
    name = make(work).name
    vault.seal(work, target, {"artifacts": {name: name}, "seconds": 1.5, "metrics": {"total": 12.0}})
    return target / name, target


@pytest.mark.parametrize("make", [table, arrays, plain, events, network, graph])
def test_a_byte_flipped_in_an_artifact_is_refused_where_it_is_read_and_set_aside_by_a_run(tmp_path, make, capsys):
    for _ in range(FLIPS):
        artifact, folder = sealed(tmp_path, make)
        files = [path for path in (artifact, *artifact.rglob("*")) if path.is_file()]
        flip(CHANCE.choice(files))
        with pytest.raises(vault.Damaged, match="is damaged and is not used"):
            vault.checked(artifact)
        assert not vault.use(folder) and not folder.exists()
        assert "was changed" in capsys.readouterr().err
        assert list((tmp_path / "data" / "damaged" / "02_data").glob(f"{folder.name}-0"))


def test_a_byte_flipped_in_a_marker_changes_nothing_or_is_refused(tmp_path):
    _, like = sealed(tmp_path, plain)
    facts = vault.manifest(like)
    refused = 0
    for _ in range(3 * FLIPS):
        _, folder = sealed(tmp_path, plain)
        flip(folder / vault.MARKER)
        try:
            assert vault.manifest(folder) == facts
        except vault.Damaged:
            refused += 1
            assert not vault.use(folder)
    assert refused > FLIPS


def test_what_is_as_it_was_sealed_is_hashed_once_a_process(tmp_path, monkeypatch):
    artifact, folder = sealed(tmp_path, table)
    hashed = []
    monkeypatch.setattr(vault, "damage", lambda *given: hashed.append(given) or [])
    assert [vault.checked(artifact) for _ in range(3)] == [artifact] * 3
    assert len(hashed) == 1
    assert vault.use(folder) and vault.use(folder)
    assert len(hashed) == 2


def test_a_byte_flipped_in_a_snapshot_is_refused_or_says_the_same(tmp_path):
    project = Project(tmp_path)
    approved = Snapshot(round=1, threshold=0.37, rules={"big": "x > 3"}, corrections=[{"row_id": "r1", "label": 1}])
    path = snapshots.seal(project, "tiny", "smoke", approved)
    whole = path.read_bytes()
    refused = 0
    for _ in range(2 * FLIPS):
        path.write_bytes(whole)
        flip(path)
        try:
            assert snapshots.current(project, "tiny", "smoke") == approved
        except snapshots.LoopbookError:
            refused += 1
    assert refused > FLIPS


def test_a_byte_flipped_in_a_record_is_set_aside_and_the_store_is_made_again_where_it_is_damaged(project):
    first = run(project)
    path = project.runs / "tiny" / f"{first.run}.json"
    whole = path.read_bytes()
    aside = 0
    for _ in range(2 * FLIPS):
        path.write_bytes(whole)
        flip(path)
        found = records.latest(project, "tiny")
        assert found in (None, first)
        aside += found is None
    assert aside > FLIPS
    path.write_bytes(whole)
    flip(project.data / first.stages["02_data"].artifacts["train"])
    vault._sound.clear()  # as in the next process
    again = run(project)
    assert again.stages["02_data"].state == "done" and again.stages["03_training[one]"].state == "fresh"
    assert again.stages["02_data"].digests == first.stages["02_data"].digests
    assert list((project.data / "damaged" / "02_data").iterdir())
