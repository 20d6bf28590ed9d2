"""Authored sweeps for the tests: records as the runner writes them, one of them full of hostile text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.reports.conftest import HOSTILE

from loopbook.reports import sweep_pages
from loopbook.store import sweep_records
from loopbook.store.project import Project
from loopbook.store.records import CriterionRecord, ErrorRecord, Run, StageRecord
from loopbook.store.sweep_records import Point, Sweep

LONG = "a-name-without-end-" * 12
BROKEN = "half a sign \x00\x1b[31m\x85 \u202enigeb\u202c \ufffe"
BREAKING = "'\"></code></td></svg><script>window.ran=1</script><b onmouseover=window.ran=1>`${1}` $(touch x) \\ {{7*7}}"
FORMULA = r"=1+1 $$\href{javascript:window.ran=1}{x}$$ @SUM(A1)"
HOSTILES = (HOSTILE, BREAKING, LONG, BROKEN, FORMULA)


def run(point: str, metrics: dict[str, Any], error: str = "", **fields: Any) -> Run:
    """Return the record of a point's run; with an error, its training failed."""
    failed = ErrorRecord(kind="ValueError", message=error, cell="fit", traceback=error) if error else None
    state: Any = "failed" if error else "done"
    training = StageRecord(
        stage="03_training",
        candidate=fields.pop("candidate", "cnn"),
        key="ab" * 20,
        state=state,
        seconds=2.5,
        error=failed,
        notebook="store/03_training/abababab/notebook.ipynb",
        metrics={} if error else metrics,
    )
    optimum = StageRecord(stage="04_optimization", key="cd" * 20, state="done", seconds=1.0, metrics=metrics)
    chosen = (training,) if error else (training, optimum)
    return Run(
        scenario="market-monitor",
        title=fields.pop("title", "Market monitor"),
        description="Reads posts.",
        simulated=True,
        run=f"20261124-031200-{point}",
        profile="smoke",
        status="failed" if error else "good",
        started="2026-11-24T03:12:00+00:00",
        seconds=3.5,
        stages={each.name: each for each in chosen},
        **fields,
    )


def criterion(metric: str, text: str, value: float | None = None, comparison: Any = ">=") -> CriterionRecord:
    """Return an acceptance criterion of 04."""
    return CriterionRecord(
        id="good-enough", story="catch-trouble", text=text, stage="04_optimization", metric=metric,
        comparison=comparison, threshold=0.8, value=value, met=None if value is None else value >= 0.8,
    )  # fmt: skip


def sweep(points: tuple[Point, ...], **fields: Any) -> Sweep:
    """Return the record of a sweep."""
    values: dict[str, Any] = {
        "scenario": "market-monitor",
        "title": "Market monitor",
        "simulated": True,
        "sweep": "20261124-031200",
        "profile": "smoke",
        "round": 0,
        "grid": "training.learning_rate=0.0012,0.0014 training.seed=1:2",
        "engine": "local",
        "status": "good",
        "started": "2026-11-24T03:12:00+00:00",
        "seconds": 12.0,
    } | fields
    return Sweep(points=points, **values)


def grid(*settings: tuple[float, int]) -> tuple[Point, ...]:
    """Return a point for each learning rate and seed."""
    return tuple(
        Point(name=f"{at:03d}", values=(values := {"training.learning_rate": rate, "training.seed": seed}),
              given=values, status="good")
        for at, (rate, seed) in enumerate(settings, start=1)
    )  # fmt: skip


def hostile() -> tuple[Sweep, dict[str, Run]]:
    """Return a sweep in which every text that may come from outside is hostile: values, names, metrics, errors."""
    points, runs = [], {}
    for at, text in enumerate(HOSTILES, start=1):
        for seed in (1, 2):
            name = f"{2 * at + seed - 2:03d}"
            values = {f"training.{text}": text, "training.list": [text, 1, None], "training.seed": seed}
            broken = text if (at, seed) == (2, 2) else ""
            stopped = text * 9 if (at, seed) == (3, 2) else ""
            status: Any = "failed" if broken or stopped else "missed"
            points.append(Point(name=name, values=values, given=values, status=status, error=stopped))
            if not stopped:
                metrics = {text: at + seed / 10, f"{text}_loss": at / seed, "test_roc_auc": 0.7 + at / 100, "x": text}
                told = (criterion(text, text, at + seed / 10), criterion("test_roc_auc", text, 0.71))
                runs[name] = run(name, metrics, broken, candidate=text, title=text, criteria=told)
    points.append(Point(name="011", values={"training.seed": 3}, given={"training.seed": 3}))
    given = {f"data.{text}": text for text in HOSTILES}
    return sweep(tuple(points), title=HOSTILE, grid=" ".join(HOSTILES), given=given, status="failed"), runs


def build(root: Path, record: Sweep, runs: dict[str, Run]) -> Path:
    """Save a sweep in a project of its own, build its pages as the runner does, and return the reports' folder."""
    project = Project(root)
    sweep_records.save(project, record)
    for name, each in runs.items():
        sweep_records.save_point(project, record, name, each)
    sweep_pages.renew(project)
    return project.reports
