"""Two real runs compared through the command line: the verdict, the exit code, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.comparison.conftest import again, compared

from loopbook.store import records, sweep_records
from loopbook.store.project import Project
from loopbook.store.records import CriterionRecord, ErrorRecord, Run
from loopbook.store.sweep_records import Point, Sweep

HOSTILE = "<script>window.ran=1</script>"


def test_regression_is_told_first_with_values_band_and_repeats_and_ends_with_code_1(project: Project, ran: Run) -> None:
    for at in range(5):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at)
    missed = ran.criteria[0].model_copy(update={"value": 8.0, "met": False})
    again(project, ran, "20300101-000000", 8.0, 201, title=HOSTILE, criteria=(missed,))
    done = compared(ran.run, "20300101-000000")
    first, second, third = done.stdout.splitlines()[:3]
    assert done.exit_code == 1
    assert first == "REGRESSION: B is worse than A beyond the band in the one judged metric."
    # s of 0, .1 … .4 is .1581; t(0.95, 4) = 2.1318 from a table.
    assert second.startswith(
        "  02_data total: A 12.0000, B 8.0000, worse by 4.0000 (more is better; band ±0.4767 from 5"
    )
    assert third == "  Criterion met in A and missed in B: The sum is large"
    page = Path(done.stdout.rpartition("Report: ")[2].strip()).read_text()
    assert "✗ regression" in page
    assert HOSTILE not in page
    assert "default-src" in page


def test_loss_within_the_band_ends_with_code_0(project: Project, ran: Run) -> None:
    for at in range(5):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at)
    again(project, ran, "20300101-000000", 11.9, 200)
    done = compared(ran.run, "20300101-000000")
    assert done.exit_code == 0
    assert done.stdout.startswith("No regression: B is not worse than A beyond the band in the one judged metric.")
    assert "Noise band from 5 repeats of A that differ only by seed (training.seed)." in done.stdout


def test_what_is_being_done_is_logged_beside_the_verdict(project: Project, ran: Run) -> None:
    again(project, ran, "20300101-000000", 11.9, 200)
    assert "Looking for repeats …" in compared(ran.run, "latest").stderr


def test_any_loss_is_a_regression_where_all_repeats_are_equal(project: Project, ran: Run) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12.0, 100 + at)
    again(project, ran, "20300101-000000", 12.0 - 1e-6, 1)
    again(project, ran, "20300101-000001", 12.0 - 1e-14, 101)
    worse, rounding = compared(ran.run, "20300101-000000"), compared(ran.run, "20300101-000001")
    assert (worse.exit_code, rounding.exit_code) == (1, 0)
    assert "band ±0, no varied seed enters its stage, equal in all 4 repeats" in worse.stdout
    assert "No judged metric varies in them." in worse.stdout


def test_without_repeats_it_says_that_nothing_was_judged_and_how_to_get_a_band(project: Project, ran: Run) -> None:
    again(project, ran, "20300101-000000", 3.0, 101)
    done = compared(ran.run, "20300101-000000")
    assert done.exit_code == 0
    assert done.stdout.startswith("Not judged: nothing says how far chance alone moves the metrics")
    assert "No run repeats A or B with other seeds; a noise band takes 4." in done.stdout
    assert "make sweep SCENARIO=tiny" in done.stdout


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ("tinny/standard", "latest", "mean 'tiny'"),
        ("latest", "latest", "the same run"),
        ("latest", "20300101-000000", "02_data failed. The newest run that did: tiny/standard"),
        ("latest", "20300101-000001", "A is a run of tiny, B of other"),
        ("latest", "tiny/20300101-000009/001", "no sweep tiny/20300101-000009"),
        ("latest", "tiny/20300101-000002/003", "no point '003'"),
        ("latest", "tiny/20300101-000002/001", "has not ended yet"),
        ("latest", "tiny/20300101-000002/002", "failed: no room"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_do(
    project: Project, ran: Run, a: str, b: str, says: str
) -> None:
    stopped = ran.stages["02_data"].model_copy(
        update={"state": "failed", "error": ErrorRecord(kind="ValueError", message="no")}
    )
    failed = {"run": "20300101-000000", "status": "failed", "stages": {**ran.stages, "02_data": stopped}}
    records.save(project, ran.model_copy(update=failed))
    records.save(project, ran.model_copy(update={"scenario": "other", "run": "20300101-000001", "started": "2030"}))
    a = a.replace("latest", f"tiny/{ran.run}")
    points = (
        Point(name="001", values={}, given={}),
        Point(name="002", values={}, given={}, status="failed", error="no room"),
    )
    about = {"title": "Tiny", "simulated": False, "profile": "standard", "round": 0, "engine": "local", "seconds": 1}
    sweep_records.save(
        project,
        Sweep(scenario="tiny", sweep="20300101-000002", grid="", status="failed", started="", points=points, **about),
    )
    if b == "latest":
        b = f"tiny/{ran.run}"
    done = compared(a, b)
    assert done.exit_code == 2
    assert says in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("name", ["tiny/20300101-000002/001", "tiny/sweeps/20300101-000002/001"])
def test_a_point_of_a_sweep_is_compared_and_is_a_repeat_of_others(project: Project, ran: Run, name: str) -> None:
    points = tuple(Point(name=f"00{at}", values={"training.seed": at}, given={}, status="good") for at in range(1, 6))
    about = {"title": "Tiny", "simulated": False, "profile": "standard", "round": 0, "engine": "local", "seconds": 1}
    sweep = Sweep(
        scenario="tiny", sweep="20300101-000002", grid="", status="good", started="", points=points, **about
    )  # fmt: skip
    sweep_records.save(project, sweep)
    for at, point in enumerate(points):
        run = again(project, ran, f"made-{at}", 12 + at / 10, 100 + at)
        (project.runs / "tiny" / f"{run.run}.json").unlink()
        place = f"sweeps/{sweep.sweep}/{point.name}"
        sweep_records.save_point(project, sweep, point.name, run.model_copy(update={"run": place}))
    done = compared(f"tiny/{ran.run}", name)
    assert done.exit_code == 0
    assert "B  tiny/sweeps/20300101-000002/001" in done.stdout
    assert "from 4 repeats of A" in done.stdout


def test_nearer_to_what_a_criterion_equals_is_better(project: Project, ran: Run) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12.0, 100 + at)
    exact: CriterionRecord = ran.criteria[0].model_copy(update={"comparison": "==", "threshold": 12.0})
    again(project, ran, "20300101-000000", 12.0, 200, criteria=(exact,))
    for name, total in (("20300101-000001", 12.5), ("20300101-000002", 11.5)):
        again(project, ran, name, total, 101, criteria=(exact,))
        done = compared("20300101-000000", name)
        assert (done.exit_code, "nearer to 12 is better" in done.stdout) == (1, True), done.stdout
