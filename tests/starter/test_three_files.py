"""`loopbook new` makes an agent with a report out of csv files of different shape, without a touch of code."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loopbook.data import sources, validation
from loopbook.scenario.loading import load
from tests.starter import tables

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Copy:
    """A copy of the project, as somebody's fresh clone, and commands in it."""

    root: Path

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB", "LOOPBOOK_DATA", "LOOPBOOK_REPORTS")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.run(
            [sys.executable, "-m", "loopbook", *words],
            cwd=self.root,
            env={**kept, "LOOPBOOK_PROJECT": str(self.root), "COLUMNS": "200", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, name: str, file: str) -> tuple[str, dict[str, Any]]:
        """Begin an agent; return what was printed and its run.json."""
        done = self.call("new", name, file)
        assert done.returncode == 0, done.stdout + done.stderr
        record: dict[str, Any] = json.loads((self.root / "reports" / name / "latest" / "run.json").read_text("utf-8"))
        assert record["status"] == "good", "smoke judges no criterion"
        assert {stage["state"] for stage in record["stages"].values()} == {"done"}
        assert record["profile"] == "smoke"
        page = Path(re.findall(r"Report: (.*)", done.stdout)[-1])
        assert page == self.root / "reports" / name / "latest" / "index.html"
        assert (
            done.stdout.index("Report: ") < done.stdout.index("Edit next") < done.stdout.index(f"make SCENARIO={name}")
        )
        return done.stdout, record

    def page(self, name: str, page: str) -> str:
        return (self.root / "reports" / name / "latest" / f"{page}.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("clone") / "my project"
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "requirements.lock", root)
    return Copy(root)


def test_semicolons_and_decimal_commas(clone: Copy) -> None:
    """A run of such a file is that of the README's ``make new``."""
    tables.deliveries(clone.root / "deliveries 2026.csv")
    done = clone.call("new", "--no-run", "late-deliveries", "deliveries 2026.csv")
    assert done.returncode == 0, done.stderr
    assert "Copied" not in done.stdout
    scenario = load("late-deliveries", clone.root / "notebooks" / "scenarios")
    source = scenario.source
    assert source.path == "deliveries 2026.csv"
    assert (source.delimiter, source.decimal, source.thousands, source.encoding) == (";", ",", ".", "utf-8")
    assert scenario.task.fields == {
        "Lager": "category",
        "Gewicht: (kg)": "number",
        '- Preis "netto" #1': "number",
        "Strecke\nkm": "number",
        "🚚 Express": "category",
    }
    collected = sources.collect(source, clone.root, clone.root / "data" / "raw")
    valid, rejected = validation.validate(collected, scenario, date(2027, 1, 1))
    assert (len(valid), len(rejected)) == (700, 0)


def test_text_labels_and_two_text_columns(clone: Copy, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    tables.tickets(file)
    printed, record = clone.run("urgent-tickets", str(file))
    scenario = load("urgent-tickets", clone.root / "notebooks" / "scenarios")
    assert scenario.task.text_fields == ("subject", "body")
    assert (scenario.task.label.column, scenario.task.label.positive) == ("priority", ("urgent",))
    assert (scenario.source.group, scenario.source.personal) == ("customer_email", ("customer_email",))
    assert (scenario.source.encoding, scenario.data.splits.by) == ("cp1252", "group")
    kept = clone.root / scenario.source.path
    assert kept.is_relative_to(clone.root / "data" / "raw")
    assert f"Copied to {kept}" in printed
    assert kept.read_bytes() == file.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    metrics = record["stages"]["02_data"]["metrics"]
    assert metrics["rows"] + metrics["quarantined"] == 800
    assert metrics["personal_data_masked"] > 50
    assert record["stages"]["04_optimization"]["metrics"]["test_roc_auc"] > 0.85
    pages = [
        clone.page("urgent-tickets", page) for page in ("01_requirements", "02_data", "05_decisions", "07_feedback")
    ]
    assert "example.org" not in "".join([*pages, printed])
    assert "[PHONE]" in pages[0] + pages[2]
    assert "<b>production" not in "".join(pages)


def test_dates_in_three_formats_and_broken_rows(clone: Copy) -> None:
    (clone.root / "data" / "raw").mkdir(parents=True, exist_ok=True)
    broken = tables.reviews(clone.root / "data" / "raw" / "reviews.csv")
    printed, record = clone.run("returns", "data/raw/reviews.csv")
    scenario = load("returns", clone.root / "notebooks" / "scenarios")
    assert (scenario.source.time, set(scenario.source.time_formats)) == ("created_at", {"%d.%m.%Y", "%b %d, %Y"})
    assert scenario.data.splits.by == "time"
    assert "refund_amount" not in scenario.task.fields
    assert re.search(r"'refund_amount'\s+suspected leak", printed)
    metrics = record["stages"]["02_data"]["metrics"]
    assert broken > 20
    assert metrics["quarantined"] >= broken - 2
    assert metrics["rows"] >= 1_000 - broken - 40
    assert record["stages"]["04_optimization"]["metrics"]["test_roc_auc"] > 0.75
    assert "broken-line" in clone.page("returns", "02_data")


def test_an_existing_scenario_is_never_overwritten(clone: Copy) -> None:
    tables.deliveries(clone.root / "again.csv", rows=200)
    assert clone.call("new", "again", "again.csv", "--no-run").returncode == 0
    path = clone.root / "notebooks" / "scenarios" / "again.yaml"
    before = path.read_bytes()
    done = clone.call("new", "again", "again.csv", "--no-run")
    assert done.returncode == 2
    assert "not overwritten" in done.stderr
    assert "remove" in done.stderr
    assert path.read_bytes() == before
