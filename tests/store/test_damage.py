"""Bytes flipped in the store are never used silently: a run ends right, or is refused."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from loopbook.cli import showing
from loopbook.cli.commands import app
from loopbook.models.training.tensorboard import Events
from loopbook.operations import sweeping
from loopbook.store import content, records, snapshots, sweep_records, vault
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


def sealed(tmp_path: Path, make: Callable[[Path], Path]) -> tuple[Path, Path]:
    """Seal one artifact; return it as it lies in the store, and its folder."""
    work, target = tmp_path / "data" / "work" / "a", tmp_path / "data" / "store" / "02_data" / f"key{CHANCE.random()}"
    work.mkdir(parents=True)
    name = make(work).name
    vault.seal(work, target, {"artifacts": {name: name}, "seconds": 1.5, "metrics": {"total": 12.0}})
    return target / name, target


@pytest.mark.parametrize("make", [table, arrays, plain])
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


FORMATS = {
    "Keras": "*/*/*/*.keras",
    "ONNX": "*/*/**/*.onnx",
    "Parquet": "*/*/*.parquet",
    "events": "*/*/events/events.out.tfevents.*",
    "arrays": "*/*/**/*.npz",
    "JSON": "0*/*/*.json",
    "marker": "*/*/stage.json",
    "notebook": "*/*/notebook.ipynb",
    "record": "runs/*/*.json",
}


@pytest.fixture(scope="module")
def store(smoke_run, tmp_path_factory) -> Path:
    """Return a copy of the store of a real run."""
    whole = smoke_run("clinic-triage")[0].folder / "data" / "store"
    return Path(shutil.copytree(whole, tmp_path_factory.mktemp("damaged") / "data" / "store"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_byte_flipped_in_what_a_real_run_has_stored_is_used_by_nobody(store, form, capsys):
    files = sorted(path for path in store.glob(FORMATS[form]) if path.is_file())
    silent, without = [], 0
    for number in range(FLIPS + 3):
        file = files[number % len(files)]
        whole, said = file.read_bytes(), meaning(file)
        place, was = flip(file)
        vault._sound.clear()  # as in the next process
        if refused(store, file):
            without += 1
        elif meaning(file) != said:
            silent.append(f"{file.relative_to(store)} at {place}: {was}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(whole)
    assert not silent
    assert without > FLIPS / 3  # a blank between two values may change and says the same


def refused(store: Path, file: Path) -> bool:
    """Say whether a stage and a page both refuse a file, and a run sets its folder aside; that is put back."""
    if file.is_relative_to(store / "runs"):
        found = records.runs(Project(store.parents[1]))
        file.with_name(f"{file.name}.damaged").unlink(missing_ok=True)
        return not found
    folder = Path(*file.parts[: len(store.parts) + 2])
    artifact = folder / file.relative_to(folder).parts[0]
    page = vault.kept(artifact)
    try:
        stage = vault.checked(artifact)
    except vault.Damaged:
        stage = None
    used = vault.use(folder)
    # A marker's seal may name another hash for a file: then it is that file that is refused, and what is said stays.
    assert file.name == vault.MARKER or (page is None) == (stage is None) == (not used)
    if not used:
        shutil.rmtree(folder, ignore_errors=True)
        (store.parent / "damaged" / folder.parent.name / f"{folder.name}-0").rename(folder)
    return not used


def meaning(file: Path) -> object:
    """Return what a file says: plain values where it is JSON that is whole, else its bytes."""
    try:
        return json.loads(file.read_bytes())
    except ValueError:
        return file.read_bytes()


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


def events(folder: Path) -> Path:
    with Events(folder / "events") as written:
        for step in range(20):
            written.scalars(step, {"loss": 1 / (1 + step)})
    return folder / "events"


@pytest.mark.parametrize("damaged", [["one"], ["two"], ["one", "two"]])
def test_tensorboard_is_not_opened_on_events_with_a_byte_flipped(tmp_path, monkeypatch, capsys, damaged):
    def take(_program, words):
        raise SystemExit(words)

    project = Project(tmp_path)
    monkeypatch.setattr(showing.Project, "find", lambda: project)
    monkeypatch.setattr(showing.os, "execv", take)
    folders = {name: sealed(tmp_path, events)[0] for name in ("one", "two")}
    stages = {
        records.name_of("03_training", name): records.StageRecord(
            stage="03_training", candidate=name, key=folder.parent.name, state="fresh",
            artifacts={"events": folder.relative_to(project.data).as_posix()},
        )
        for name, folder in folders.items()
    }  # fmt: skip
    facts = {"scenario": "tiny", "title": "", "description": "", "simulated": False, "run": "20260101-000000"}
    ended = {"profile": "standard", "status": "good", "started": "2026-01-01T00:00:00Z", "seconds": 1}
    records.save(project, records.Run(**facts, **ended, stages=stages))
    for name in damaged:
        flip(next(folders[name].iterdir()))
    with pytest.raises((SystemExit, showing.MissingInput)) as opened:
        showing.tensorboard("tiny", "standard", "", 6006)
    shown = [name for name in folders if f"{name}:{folders[name]}" in str(opened.value)]
    assert shown == [name for name in folders if name not in damaged]
    assert opened.type is (SystemExit if shown else showing.MissingInput)
    assert capsys.readouterr().err.count("is damaged and is not used: events/events.out.tfevents.") == len(damaged)


def test_hparams_of_a_sweep_are_made_from_its_checked_record_alone(tmp_path, capsys):
    project = Project(tmp_path)
    point = sweep_records.Point(name="001", values={"training.epochs": 2}, given={}, status="good")
    sweep = sweep_records.Sweep(
        scenario="tiny", title="", simulated=False, sweep="20260101-000000", profile="smoke", round=0, engine="local",
        grid="training.epochs=2", status="good", started="2026-01-01T00:00:00Z", seconds=1, points=(point,),
    )  # fmt: skip
    sweep_records.save(project, sweep)
    said = b"training.epochs"
    for file in (files := list(sweeping.logged(project, "tiny", sweep.sweep).rglob("*tfevents*"))):
        file.write_bytes(file.read_bytes().replace(said, said.upper()))
    assert len(files) == 2 and not any(said in file.read_bytes() for file in files)
    again = list(sweeping.logged(project, "tiny", sweep.sweep).rglob("*tfevents*"))
    assert len(again) == 2 and all(said in file.read_bytes() for file in again)
    path, aside = sweep_records.path(project, "tiny", sweep.sweep), 0
    whole = path.read_bytes()
    for _ in range(2 * FLIPS):
        path.write_bytes(whole)
        flip(path)
        found = sweep_records.sweeps(project, "tiny")
        assert found in ([], [sweep])
        aside += not found
    assert aside > FLIPS
    assert capsys.readouterr().err.count("It is set aside as") == aside
