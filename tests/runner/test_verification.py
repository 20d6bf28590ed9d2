"""What the store holds is hashed again, and whatever differs from what was sealed is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.store import vault
from loopbook.store.keys import PARTS
from loopbook.store.project import Project


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def tiny(project: Project) -> Project:
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    assert call("run", "--scenario", "tiny").exit_code == 0
    return project


def folder(project: Project, stage: str) -> Path:
    return next((project.store / stage).iterdir())


def test_a_run_leaves_a_store_that_is_what_was_sealed_with_its_lineage_and_damage_is_named(tiny: Project) -> None:
    clean = call("verify")
    assert clean.exit_code == 0, clean.output
    assert "Checked 5 folders and records; none of them not as sealed." in clean.output

    data = folder(tiny, "02_data")
    facts = vault.manifest(data)
    (run,) = (tiny.runs / "tiny").glob("*.json")
    assert facts["run"] == run.stem and facts["profile"] == "standard"
    assert set(facts["cells"]) >= {"parameters", "cell-0", "cell-1", "cell-2", "cell-3"}
    assert facts["seeds"] == {"data.split_seed": 1}
    assert facts["origin"]["hardware"]["cores"] >= 1 and facts["origin"]["revision"] is None
    assert json.loads((data / PARTS).read_text())["settings"]["data"]["split_seed"] == 1
    assert json.loads(run.read_text())["resolved"]["name"] == "tiny"

    model = next(folder(tiny, "03_training").glob("model.json"))
    model.write_text(model.read_text().replace("12", "13"))
    (folder(tiny, "04_optimization") / "more.txt").write_text("x")
    marker = data / vault.MARKER
    marker.write_text(marker.read_text().replace('"total": 12.0', '"total": 99.0'))
    (data / "notebook.ipynb").unlink()
    done = call("verify")
    assert done.exit_code == 1
    for told in ("model.json was changed", "the content of model is not what was written", "more.txt was added",
                 "stage.json was changed", "notebook.ipynb is missing"):  # fmt: skip
        assert told in done.output
    assert "3 of them not as sealed" in done.output


def test_what_a_record_names_must_be_in_the_store(tiny: Project) -> None:
    (folder(tiny, "04_optimization") / vault.MARKER).unlink()
    done = call("verify")
    assert done.exit_code == 1
    assert "which is not in the store" in done.output
    assert "has no marker" in done.output


def test_why_compares_with_the_latest_run_through_the_command_line(tiny: Project) -> None:
    fresh = call("why", "--scenario", "tiny")
    assert fresh.exit_code == 0, fresh.output
    assert [line.split()[-1] for line in fresh.output.splitlines()[1:]] == ["fresh"] * 4
    path = tiny.notebooks / "02_data.ipynb"
    path.write_text(path.read_text().replace("or 9)", "or 8)"))
    (tiny.root / "requirements.lock").write_text("nothing==2\n")
    told = call("why", "--scenario", "tiny", "--params", "training.epochs=4").output
    assert "notebooks/02_data.ipynb, cell cell-2:1 frame changed" in told
    assert "training.epochs: 3 -> 4" in told
    assert "depends on 02_data" in told
    assert call("why", "--scenario", "tiny", "--params", "training.epoch=4").exit_code == 2


def test_why_says_what_failed_and_what_has_never_run(tiny: Project) -> None:
    assert (
        "no run of this scenario"
        in call("why", "--scenario", "tiny", "--profile", "smoke", "--params", "data.rows=200").output
    )
    path = tiny.notebooks / "04_optimization.ipynb"
    path.write_text(path.read_text().replace("stage.gather(", "1 / 0 or stage.gather("))
    assert call("run", "--scenario", "tiny").exit_code == 1
    told = call("why", "--scenario", "tiny").output
    assert "it failed in the latest run: ZeroDivisionError" in told


def test_gc_takes_runs_by_a_rule_alone_and_leaves_what_runs_name(tiny: Project) -> None:
    assert call("gc", "--size", "many").exit_code == 2
    plain = call("gc")
    assert plain.exit_code == 0 and "Runs and outputs stay: say what may leave" in plain.output
    assert call("run", "--scenario", "tiny", "--params", "training.epochs=4").exit_code == 0
    left = vault.folders(tiny.store)
    assert call("gc", "--size", "0GB").exit_code == 0
    assert vault.folders(tiny.store) == left, "all are named"
    (next(path for path in (tiny.runs / "tiny").glob("*.json"))).unlink()
    would = call("gc", "--size", "0", "--dry-run")
    assert "Would have pruned" in would.output and vault.folders(tiny.store) == left
    done = call("gc", "--days", "30", "--size", "0 MB")
    assert "older than 30 days, or beyond 0 MB" in done.output
    assert len(vault.folders(tiny.store)) < len(left)
