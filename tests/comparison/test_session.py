"""Two real runs compared through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loopbook.cli import app
from loopbook.comparison import runs, verdict
from loopbook.scenario.errors import MissingInput
from loopbook.store import records
from loopbook.store.project import Project
from loopbook.store.records import Run

HOSTILE = "<script>window.ran=1</script>"


@pytest.fixture
def ran(project: Project) -> Run:
    """A real run of the tiny project."""
    done = CliRunner().invoke(app, ["run", "--scenario", "tiny"])
    assert done.exit_code in (0, 3), done.output
    return records.runs(project)[-1]


def again(project: Project, like: Run, name: str, total: float, seed: int, **fields: object) -> Run:
    """Save a run that differs from a real one in its seed and in what 02 recorded."""
    stage = like.stages["02_data"].model_copy(update={"metrics": {"total": total}})
    resolved = {**like.resolved, "training": {**like.resolved["training"], "seed": seed}}
    update = {"run": name, "stages": {**like.stages, "02_data": stage}, "resolved": resolved, **fields}
    run = like.model_copy(update=update)
    records.save(project, run)
    return run


def compared(*names: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["compare", *names])
    return done.exit_code, done.output


def test_loss_beyond_the_band_ends_with_code_1_and_within_it_with_0(project: Project, ran: Run) -> None:
    for at in range(5):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at)
    again(project, ran, "20300101-000000", 11.9, 200)
    code, output = compared(ran.run, "20300101-000000")
    assert (code, "5 repeats" in output) == (0, True), output
    again(project, ran, "20300101-000001", 8.0, 201, title=HOSTILE)
    code, output = compared(ran.run, "20300101-000001")
    assert (code, "worse" in output) == (1, True), output
    page = Path(output.rpartition("Report: ")[2].strip()).read_text()
    assert "worse beyond the band" in page
    assert HOSTILE not in page
    assert "default-src" in page


def test_without_repeats_it_says_that_nothing_was_judged_and_how_to_get_a_band(project: Project, ran: Run) -> None:
    code, output = compared(ran.run, "latest")
    assert code == 0
    assert "nothing was judged" in output
    assert "make sweep SCENARIO=tiny" in output


def test_unknown_run_is_refused_with_the_likely_name(project: Project, ran: Run) -> None:
    code, output = compared("tinny/standard", "latest")
    assert code == 2
    assert "mean 'tiny'" in output
    assert runs.find(project, "tiny/standard") == ran
    with pytest.raises(MissingInput):
        runs.find(project, "tiny/standard/001")


def test_band_leaves_out_what_it_judges(project: Project, ran: Run) -> None:
    others = [again(project, ran, f"20200101-00000{at}", 12 + at, 100 + at) for at in range(4)]
    assert runs.repeats(project, ran, without=(ran, others[0])) == others[1:]
    assert verdict.compare(project, ran, others[0]).kind == "none"
    shutil.rmtree(project.runs)
    assert runs.repeats(project, ran) == []
