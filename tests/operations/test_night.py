"""A night by the command line: its exit codes, its summary, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.store.project import Project

AWAY = "http://127.0.0.1:9/secret"


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["nightly", *words])


def edit(project: Project, stage: str, old: str, new: str) -> None:
    path = project.notebooks / f"{stage}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def two(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return the small project with rows enough to run, and a second scenario."""
    for name in ("LOOPBOOK_WEBHOOK", "LOOPBOOK_SMTP_HOST"):
        monkeypatch.delenv(name, raising=False)
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    text = (project.scenarios / "tiny.yaml").read_text()
    (project.scenarios / "other.yaml").write_text(text.replace("name: tiny", "name: other"))
    return project


def test_a_night_that_fails_says_so_stops_no_other_run_and_leaves_latest_good(two: Project, tmp_path: Path) -> None:
    file = tmp_path / "night" / "summary.txt"
    first = call("--scenario", "tiny", "--summary", str(file))
    assert first.exit_code == 0, first.output
    night = json.loads(file.with_suffix(".json").read_text())
    assert night["status"] == "good"
    good = night["scenarios"][0]["run"]
    page = two.reports / "tiny" / "latest" / "index.html"
    assert "failed at" not in page.read_text()

    edit(
        two,
        "03_training",
        "stage.record(",
        "assert scenario != 'tiny', 'broken for\\\\nann@example.org'\\nstage.record(",
    )
    failing = call("--scenario", "tiny,other", "--summary", str(file))
    assert failing.exit_code == 1, failing.output
    text, night = file.read_text(), json.loads(file.with_suffix(".json").read_text())
    assert text in failing.output
    assert [(each["scenario"], each["status"]) for each in night["scenarios"]] == [
        ("tiny", "failed"),
        ("other", "good"),
    ]
    failed = night["scenarios"][0]
    assert failed["before"] == good
    assert failed["errors"][0] == {
        "stage": "03_training[one]", "cell": "cell-4", "kind": "AssertionError", "message": "broken for [MAIL]",
    }  # fmt: skip
    assert failed["numbers"] == [{"stage": "02_data", "metric": "total", "value": 12.0, "before": 12.0}]
    assert failed["changes"], "what changed since the good run"
    assert failed["seconds"] > 0
    assert Path(failed["report"]).parent.name == failed["run"]
    assert "broken for" in (Path(failed["report"]).parent / "03_training-one.html").read_text()
    assert f"latest still shows the good run {good}." in text
    assert json.loads((page.parent / "run.json").read_text())["run"] == good
    assert "failed at 03_training[one]" in page.read_text(), "its page says that a newer run failed"

    third = call("--scenario", "other", "--keep-days", "0", "--webhook", AWAY, "--summary", str(file))
    assert third.exit_code == 5, third.output
    assert "not delivered by webhook: 127.0.0.1:9 could not be reached" in third.output
    assert "secret" not in third.output
    night = json.loads(file.with_suffix(".json").read_text())
    assert night["scenarios"][0]["new"] is False
    assert night["notes"][0].startswith("Pruned what is older than 0 days: 0 runs and 0 outputs"), "all are named"
    assert json.loads((two.reports / "other" / "latest" / "run.json").read_text())["status"] == "good"


def test_a_refused_scenario_is_the_worst(two: Project, tmp_path: Path) -> None:
    file = tmp_path / "night.json"
    done = call("--scenario", "tinny", "--scenario", "other", "--summary", str(file))
    assert done.exit_code == 2, done.output
    night = json.loads(file.read_text())
    assert [each["status"] for each in night["scenarios"]] == ["refused", "good"]
    assert "Did you mean 'tiny'" in night["scenarios"][0]["errors"][0]["message"]
    assert "Did you mean 'tiny'" in file.with_suffix(".txt").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mail", "ann@example.org"], "set LOOPBOOK_SMTP_HOST"),
        (["--mail", "ann"], "is no mail address"),
        (["--webhook", "ftp://example.org"], "begins with http"),
        (["--summary", "."], "names a folder"),
    ],
)
def test_what_could_not_be_delivered_is_refused_before_anything_starts(
    two: Project, words: list[str], message: str
) -> None:
    done = call("--scenario", "tiny", *words)
    assert done.exit_code == 2
    assert message in done.output
    assert not two.store.exists()


def test_a_night_that_meets_another_says_so_and_does_nothing(two: Project) -> None:
    code = (
        "from loopbook.operations import night; from loopbook.store.project import Project\n"
        "with night.alone(Project.find()): print('held', flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    done = call("--scenario", "tiny")
    assert done.exit_code == 4
    assert f"Another nightly run is still going on (process {holder.pid}, since " in done.output
    assert not two.store.exists()
    holder.kill()
    holder.communicate()
    assert call("--scenario", "tinny").exit_code == 2, "the lock of a killed process does not block"
