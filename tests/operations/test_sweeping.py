"""A sweep by the command line: what is equal is executed once, seeds become an interval, interrupting is free."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.store import records, sweep_records
from loopbook.store.project import Project

GRID = "training.epochs=2,9 training.seed=1:2"


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", "--scenario", "tiny", *words])


def edit(project: Project, stage: str, old: str, new: str) -> None:
    path = project.notebooks / f"{stage}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def tiny(project: Project) -> Project:
    """Return the small project, whose notebooks note each execution, and whose score depends on epochs and seed."""
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    for stage, name in (("02_data", ""), ("03_training", " + ' ' + candidate"), ("04_optimization", "")):
        note = f"with open('../executed', 'a') as file:\\n    file.write('{stage}'{name} + '\\\\n')\\n"
        edit(project, stage, '"stage = Stage.open(', f'"{note}stage = Stage.open(')
    edit(
        project,
        "04_optimization",
        "stage.record(champion=max(models))",
        "score = float(stage.scenario.training.epochs + stage.scenario.training.seed)\\n"
        "stage.record(champion=max(models), score=score)",
    )
    return project


def executed(project: Project) -> Counter[str]:
    path = project.root / "executed"
    return Counter(path.read_text().splitlines() if path.exists() else ())


def the_sweep(project: Project) -> sweep_records.Sweep:
    (found,) = sweep_records.sweeps(project, "tiny")
    return found


def test_points_share_what_is_equal_and_are_no_runs_of_the_agent(tiny: Project) -> None:
    done = call("--grid", GRID)
    assert done.exit_code == 0, done.output
    assert executed(tiny) == {"02_data": 1, "03_training one": 4, "03_training two": 4, "04_optimization": 4}
    sweep = the_sweep(tiny)
    assert (sweep.status, len(sweep.points)) == ("good", 4)
    assert [point.values["training.seed"] for point in sweep.points] == [1, 2, 1, 2]
    runs = sweep_records.runs(tiny, sweep)
    assert [runs[point.name].stages["04_optimization"].metrics["score"] for point in sweep.points] == [
        3.0, 4.0, 10.0, 11.0,
    ]  # fmt: skip
    assert records.runs(tiny) == []
    assert records.latest(tiny, "tiny") is None
    page = tiny.reports / "tiny" / "sweeps" / sweep.sweep / "index.html"
    assert f"Report: {page}" in done.output
    assert "04_optimization score 10.5 (95% interval 4.147 to 16.85, n = 2)" in done.output
    text = page.read_text().partition("Settings, the best first")[2]
    assert text.index("training.epochs=9") < text.index("training.epochs=2"), "the best comes first"
    for point in sweep.points:
        assert f'href="{point.name}.html"' in text
        assert (page.parent / f"{point.name}.html").is_file()


def test_the_same_again_has_nothing_to_do_and_an_ordinary_run_of_a_point_executes_nothing(tiny: Project) -> None:
    assert call("--grid", GRID).exit_code == 0
    before = executed(tiny)
    again = call("--grid", GRID)
    assert again.exit_code == 0, again.output
    assert "Nothing to do" in again.output
    the_sweep(tiny)
    run = CliRunner().invoke(app, ["run", "--scenario", "tiny", "--params", "training.epochs=9 training.seed=2"])
    assert run.exit_code == 0, run.output
    assert executed(tiny) == before


def test_a_point_that_fails_costs_no_other_point_anything(tiny: Project) -> None:
    edit(tiny, "04_optimization", "stage.record(", "assert score != 4, 'four is <b>broken</b>'\\nstage.record(")
    done = call("--grid", GRID)
    assert done.exit_code == 1, done.output
    sweep = the_sweep(tiny)
    assert Counter(point.status for point in sweep.points) == {"good": 3, "failed": 1}
    page = tiny.reports / "tiny" / "sweeps" / sweep.sweep / "002.html"
    assert "four is &lt;b&gt;broken&lt;/b&gt;" in page.read_text()


def test_a_missed_criterion_ends_with_3(tiny: Project) -> None:
    path = tiny.scenarios / "tiny.yaml"
    path.write_text(path.read_text().replace("threshold: 10", "threshold: 99"))
    assert call("--grid", "training.seed=1:2").exit_code == 3


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ("training.epoch=1,2", "Did you mean 'epochs'?"),
        ("trainin.epochs=1,2", "Did you mean 'training'?"),
        ("training.epochs=1,many", "'many'"),
        ("training.patience=0:3", "greater than or equal to 1"),
        ("training.architecture=majorty", "Did you mean 'majority'?"),
        ("training.architecture=one training.only=[two]", "keep one"),
        ("training.seed=5:1", "is empty. Write 1:5"),
        ("training.seed", "is not of the form"),
        ("training.seed=1,1", "twice"),
        ("", "GRID is empty"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_kernel_with_the_likely_name(
    tiny: Project, grid: str, told: str
) -> None:
    done = call("--grid", grid)
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "GRID" in done.output
    assert not executed(tiny)
    assert not tiny.store.exists() or sweep_records.sweeps(tiny) == []


def test_an_architecture_stands_for_its_candidates(tiny: Project) -> None:
    path = tiny.scenarios / "tiny.yaml"
    path.write_text(path.read_text().replace("two: {architecture: majority}", "two: {architecture: tfidf}"))
    path.write_text(path.read_text().replace("fields: {x: number}", "fields: {x: text}"))
    done = call("--grid", "training.architecture=one,majority,tfidf")
    assert done.exit_code == 0, done.output
    assert [point.given["training.only"] for point in the_sweep(tiny).points] == [["one"], ["one"], ["two"]]
    assert executed(tiny)["03_training one"] == 1


def test_the_dask_engine_says_what_to_type(tiny: Project) -> None:
    done = call("--grid", GRID, "--engine", "dask")
    assert done.exit_code == 2
    assert "DASK=tcp://host:8786" in done.output
    assert "dask scheduler" in done.output
    wrong = call("--grid", GRID, "--engine", "daks")
    assert "Did you mean 'dask'?" in wrong.output


def test_a_killed_sweep_goes_on_under_its_name_and_does_nothing_twice(tiny: Project) -> None:
    os.mkfifo(tiny.root / "reached")
    os.mkfifo(tiny.root / "never")
    edit(
        tiny,
        "04_optimization",
        "stage.write(",
        "import os\\nscenario_ = stage.scenario.training\\n"
        "if scenario_.epochs == 9 and scenario_.seed == 2 and not os.path.exists('../second'):\\n"
        "    open('../reached', 'w').close()\\n    open('../never')\\nstage.write(",
    )
    words = [sys.executable, "-m", "loopbook", "sweep", "--scenario", "tiny", "--grid", GRID, "--jobs", "1"]
    first = subprocess.Popen(words, cwd=tiny.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with (tiny.root / "reached").open():
        pass
    first.send_signal(signal.SIGKILL)
    first.communicate()
    interrupted = the_sweep(tiny)
    assert interrupted.status == "running"
    before = executed(tiny)
    (tiny.root / "second").touch()
    done = call("--grid", GRID)
    assert done.exit_code == 0, done.output
    assert f"Sweep {interrupted.sweep} was interrupted; it goes on." in done.output
    assert the_sweep(tiny).sweep == interrupted.sweep
    assert the_sweep(tiny).status == "good"
    assert executed(tiny) == {"02_data": 1, "03_training one": 4, "03_training two": 4, "04_optimization": 5}
    assert sum(before.values()) < sum(executed(tiny).values())


def test_hparams_can_be_read_back_and_hold_every_point(tiny: Project) -> None:
    assert call("--grid", GRID).exit_code == 0
    sweep = the_sweep(tiny)
    folder = tiny.runs / "sweeps" / "tiny" / sweep.sweep / "hparams"
    experiment = metadata.parse_experiment_plugin_data(content_of(folder, metadata.EXPERIMENT_TAG))
    assert [info.name for info in experiment.hparam_infos] == ["training.epochs", "training.seed"]
    assert [value.number_value for value in experiment.hparam_infos[0].domain_discrete.values] == [2, 9]
    assert "04_optimization score" in [info.name.tag for info in experiment.metric_infos]
    groups = set()
    for point in sweep.points:
        start = metadata.parse_session_start_info_plugin_data(
            content_of(folder / point.name, metadata.SESSION_START_INFO_TAG)
        )
        assert start.hparams["training.seed"].number_value == point.values["training.seed"]
        groups.add(start.group_name)
        score = read(folder / point.name).Tensors("04_optimization score")[0].tensor_proto.float_val[0]
        assert score == point.values["training.epochs"] + point.values["training.seed"]
    assert groups == {'{"training.epochs": 2}', '{"training.epochs": 9}'}


def read(folder: Path) -> EventAccumulator:
    (file,) = [path for path in folder.iterdir() if path.is_file()]
    found = EventAccumulator(str(file))
    found.Reload()
    return found


def content_of(folder: Path, tag: str) -> bytes:
    return read(folder).SummaryMetadata(tag).plugin_data.content


def test_the_record_is_plain_json_for_other_programs(tiny: Project) -> None:
    assert call("--grid", "training.seed=1:2").exit_code == 0
    (path,) = (tiny.runs / "sweeps" / "tiny").glob("*.json")
    plain = json.loads(path.read_text())
    assert [point["values"] for point in plain["points"]] == [{"training.seed": 1}, {"training.seed": 2}]
    assert plain["status"] == "good"
