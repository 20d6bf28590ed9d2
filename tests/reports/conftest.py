"""An authored run: notebooks built by nbformat, figures by plots, records as the runner writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat import v4
from tests.decisions.conftest import two

from loopbook.decisions import what_if
from loopbook.figures import plots
from loopbook.scenario.decisions import Costs
from loopbook.store.records import CriterionRecord, ErrorRecord, ParameterRecord, Run, StageRecord

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
HOSTILE = (
    "<script>window.ran=1;alert('x')</script><img src=x onerror=\"window.ran=1\"> "
    "=cmd|' /C calc'!A0 \u202egnp.exe &amp;"
)


def code(source: str, identity: str, outputs: list[Any] | None = None, **metadata: Any) -> Any:
    """Return a code cell with outputs."""
    return v4.new_code_cell(source, id=identity, outputs=outputs or [], metadata=metadata, execution_count=1)


def text(source: str, identity: str) -> Any:
    """Return a cell of prose."""
    return v4.new_markdown_cell(source, id=identity)


def shown(data: dict[str, Any], **metadata: Any) -> Any:
    """Return the output of a displayed value."""
    return v4.new_output("display_data", data=data, metadata=metadata)


def figure(title: str) -> Any:
    """Return the output of a figure drawn by plots."""
    data, metadata = drawn(title)
    return shown(dict(data), **metadata)


@cache
def drawn(title: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Draw a figure once for all tests."""
    return plots.lines(
        {
            "train": (range(1, 9), [0.69, 0.5, 0.42, 0.36, 0.31, 0.28, 0.25, 0.23]),
            "validation": (range(1, 9), [0.68, 0.53, 0.47, 0.44, 0.43, 0.43, 0.44, 0.45]),
        },
        title=title,
        x="epoch",
        y="loss, nats a row",
        alt="Validation loss is lowest at epoch 6, 0.43.",
        marks={"best epoch": (6, 0.43)},
    )._repr_mimebundle_()


@dataclass
class Workshop:
    """A folder with data, notebooks and reports, and a way to put authored stages there."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    def commit(self, stage: str, cells: list[Any]) -> None:
        """Write a committed notebook."""
        self.notebooks.mkdir(parents=True, exist_ok=True)
        nbformat.write(v4.new_notebook(cells=cells), self.notebooks / f"{stage}.ipynb")

    def stage(self, stage: str, cells: list[Any], candidate: str | None = None, **fields: Any) -> StageRecord:
        """Store an executed notebook and return the record of its stage."""
        key = fields.pop("key", "0123456789abcdef" * 4)
        own = "".join(letter for letter in candidate or "" if letter.isalnum())
        path = self.data / "store" / stage / f"{key}{own}" / "notebook.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(v4.new_notebook(cells=cells)), encoding="utf-8")
        place = path.relative_to(self.data).as_posix()
        values = {"state": "done", "seconds": 4.2, "notebook": place} | fields
        return StageRecord(stage=stage, candidate=candidate, key=key, **values)

    def card(self, card: dict[str, Any]) -> dict[str, str]:
        """Store a dataset card and return the artifacts that name it."""
        path = self.data / "store" / "02_data" / "card" / "dataset_card.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(card), encoding="utf-8")
        return {"dataset_card": path.relative_to(self.data).as_posix()}

    def what_if(self) -> dict[str, str]:
        """Store the counts of what-if over 3,000 rows and return the artifacts that name them."""
        random = np.random.default_rng(5)
        probability = random.beta(1, 4, 3_000)
        prices = two(Costs(false_positive=3, false_negative=40, true_positive=-2))
        path = self.data / "store" / "05_decisions" / "counts" / "what_if.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = what_if.plain(random.random(3_000) < probability, probability, prices, 0.125, 0.2137, "EUR")
        path.write_text(json.dumps(found), encoding="utf-8")
        return {"what_if": path.relative_to(self.data).as_posix()}

    def run(self, *stages: StageRecord, name: str = "20261124-031200", **fields: Any) -> Run:
        """Return the record of a run."""
        values: dict[str, Any] = {
            "scenario": "market-monitor",
            "title": "Market monitor",
            "description": "Reads posts about companies and alerts an analyst to those that are bad news.",
            "simulated": True,
            "run": name,
            "profile": "standard",
            "status": "good",
            "started": "2026-11-24T03:12:00+00:00",
            "seconds": 245.0,
            "stages": {stage.name: stage for stage in stages},
            "revision": "69f829b1c2d3e4f5061728394a5b6c7d8e9f0a1b",
            "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "pandas": "3.0.1"},
        } | fields
        return Run(**values)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An empty folder for data, notebooks and reports."""
    return Workshop(tmp_path)


FORMULA = (
    r"$$\mathcal{L}(\theta) = -\frac{1}{N}\sum_{i=1}^{N} \left[ y_i \log \hat y_i + (1 - y_i)\log(1-\hat y_i) \right]$$"
)
OPENING = (
    "# 3 · Training\n**Goal** how good is this architecture, honestly measured? · **Reads** `train`, `validation` · "
    "**Writes** `model`, `predictions` · **Runtime** about a minute"
)


def training_cells(title: str = "Validation loss is lowest after epoch 6") -> list[Any]:
    """The cells of a small training notebook."""
    table = pd.DataFrame({"text": ["Profit warning at Norvik, again", HOSTILE], "label": [1, 0], "p": [0.93, 0.08]})
    return [
        text(OPENING, "opening"),
        code(
            'scenario = "market-monitor"  # a file in notebooks/scenarios\nepochs = None', "params", tags=["parameters"]
        ),
        code("epochs = 3", "injected", tags=["injected-parameters"]),
        text("## 1 · What the model will see\nPosts of one author stand on one side only.", "see"),
        code("train.sample(2)", "sample", [shown({"text/html": table.to_html(), "text/plain": str(table)})]),
        text(
            f"## 2 · Fit\nWe minimise the empirical risk\n\n{FORMULA}\n\nIts gradient in the logit is "
            r"$\hat y_i - y_i$; early stopping ends training, and $5 or $6 is money.",
            "fit",
        ),
        code(
            "fit = fitting.fit(stage)\nplots.lines(fit.curves)",
            "plot",
            [
                v4.new_output("stream", name="stdout", text="epoch 1\repoch 2\repoch 8 of 60 · validation loss 0.45\n"),
                v4.new_output("stream", name="stderr", text="\x1b[33mWarning\x1b[0m: one thread in use\n"),
                figure(title),
            ],
        ),
        text("## 3 · Measured\nThe interval is a bootstrap by author.", "measured"),
        code("stage.record(roc_auc=0.93)", "record", [shown({"text/plain": "{'roc_auc': 0.93}"})]),
    ]


@pytest.fixture
def good_run(workshop: Workshop) -> Run:
    """A finished run."""
    return finished(workshop)


@pytest.fixture
def failed_run(workshop: Workshop, good_run: Run) -> Run:
    """A later run that failed."""
    return failed(workshop, good_run)


def finished(workshop: Workshop) -> Run:
    """A run with four phases, two candidates, a card, criteria of all three verdicts and hostile texts."""
    for stage in ("01_requirements", "02_data", "03_training", "04_optimization"):
        workshop.commit(stage, training_cells() if stage == "03_training" else [text(f"# {stage}", "t")])
    span = {"first": "2026-01-01T00:00:00+00:00", "last": "2026-03-31T23:00:00+00:00"}
    card = {
        "rows": {"source": 20150, "used": 20000, "quarantine": 150},
        "time": span,
        "classes": {"no": {"rows": 16340, "share": 0.817}, "yes": {"rows": 3660, "share": 0.183}},
        "splits": {"train": {"rows": 12000, "classes": {"no": 9840, "yes": 2160}, **span}},
        "origin": {"licence": HOSTILE, "rows": 20150},
        "findings": [
            {"kind": "time", "text": "Posts come in surges.", "severity": "note"},
            {"kind": "imbalance", "text": f"Only 18% deserve an alert. {HOSTILE}", "severity": "serious"},
        ],
    }
    parameters = (
        ParameterRecord(name="epochs", value=3, description="passes over train", origin="given"),
        ParameterRecord(name="learning_rate", value=0.001, description="Adam's step size", origin="default"),
    )
    plain = [
        text("# 1 · Requirements\n**Goal** who needs what? · **Reads** nothing · **Writes** `spec`", "a"),
        text("## 1 · Stories\n[outside](https://example.org/a) and a [bad one](javascript:alert(1)).", "b"),
        code("stories", "c", [shown({"text/html": pd.DataFrame({"need": [HOSTILE]}).to_html(escape=False)})]),
    ]
    optimum = {
        "champion": "lstm",
        "baseline": "tfidf",
        "test_accuracy": 0.912,
        "test_accuracy_low": 0.901,
        "test_accuracy_high": 0.923,
        "test_roc_auc": 0.931,
        "test_roc_auc_low": 0.92,
        "test_roc_auc_high": 0.94,
        "baseline_test_roc_auc": 0.901,
        "baseline_test_roc_auc_low": 0.889,
        "baseline_test_roc_auc_high": 0.913,
        "paired_difference": 0.03,
        "paired_difference_low": 0.021,
        "paired_difference_high": 0.039,
    }
    digests = {"model": "ab" * 32, "events": "cd" * 32}
    stages = (
        workshop.stage("01_requirements", plain),
        workshop.stage("02_data", [text("# 2 · Data", "a")], state="fresh", artifacts=workshop.card(card)),
        *(
            workshop.stage(
                "03_training",
                training_cells(),
                candidate,
                parameters=parameters,
                inputs={"train": "ef" * 32},
                artifacts={"model": "store/m", "events": "store/e"},
                digests=digests,
                metrics={"roc_auc": 0.93, "roc_auc_low": 0.92, "roc_auc_high": 0.94, "note": HOSTILE},
                measurements={"seconds": 31.2},
            )
            for candidate in ("tfidf", "cnn", "lstm")
        ),
        workshop.stage(
            "04_optimization", [text("# 4 · Optimisation", "a")], metrics=optimum, artifacts=workshop.what_if()
        ),
    )
    criterion = {"comparison": ">=", "stage": "04_optimization"}
    return workshop.run(
        *stages,
        status="missed",
        champion="lstm",
        criteria=(
            CriterionRecord(
                id="ranks-well",
                story="catch-trouble",
                text="It tells serious posts from others.",
                metric="test_roc_auc_low",
                threshold=0.88,
                value=0.92,
                met=True,
                **criterion,
            ),
            CriterionRecord(
                id="mostly-right",
                story="quiet-desk",
                text=f"95 of 100 are right. {HOSTILE}",
                metric="test_accuracy",
                threshold=0.95,
                value=0.912,
                met=False,
                **criterion,
            ),
            CriterionRecord(
                id="drift",
                story="notices-change",
                text="A change is noticed within a week.",
                comparison="<=",
                stage="06_monitoring",
                metric="drift_delay_days",
                threshold=7,
            ),
        ),
        changes=("The champion is now lstm; it was tfidf.",),
    )


def failed(workshop: Workshop, good_run: Run) -> Run:
    """A later run whose training failed at a cell."""
    path = workshop.root / "src" / "loopbook" / "models" / "training" / "fitting.py"
    trace = [
        "\x1b[31m---------------\x1b[0m",
        f"File \x1b[32m{path}:31\x1b[0m, in fit(name)",
        'File "/opt/else/where/lib/python3.11/site-packages/keras/src/x.py", line 3',
        'File "/srv/secret/of/machine/own.py", line 3',
        f"\x1b[31mValueError\x1b[0m: the loss is not finite {HOSTILE}",
    ]
    cells = [
        *training_cells()[:4],
        code(
            "fit = fitting.fit(stage)",
            "plot",
            [
                v4.new_output("stream", name="stdout", text="epoch 1 of 60\n"),
                v4.new_output("error", ename="ValueError", evalue="the loss is not finite", traceback=trace),
            ],
        ),
    ]
    error = ErrorRecord(kind="ValueError", message="the loss is not finite", cell="plot", traceback="\n".join(trace))
    stages = (
        workshop.stage("01_requirements", [text("# 1 · Requirements", "a")], state="fresh"),
        workshop.stage("03_training", cells, "lstm", key="f" * 64, state="failed", error=error),
        StageRecord(stage="04_optimization", key="", state="skipped"),
    )
    return workshop.run(
        *stages,
        name="20261125-031200",
        status="failed",
        started="2026-11-25T03:12:00+00:00",
        criteria=good_run.criteria,
    )
