"""Agents of each type of task go through all notebooks; what is recorded, drawn and shipped is of that type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from tests import tasks
from tests.browsing import PHONE, Visit
from tests.service.started import Service
from tests.smoke import ROOT, remember_code

from loopbook.decisions.audit.database import connect
from loopbook.models.shipping import serving
from loopbook.service.client import Client
from loopbook.statistics import metrics
from loopbook.store.project import Project

BEHAVIOUR = """\
kind,capability,expected,text,amount,changed text,changed amount
invariance,<b>typos</b>,,invoice charged twice,20,invoice chraged twice,
invariance,amounts,,parcel late at the door,20,,20.1
direction,larger,{expected},a question,5,invoice charged refund card twice payment,400
"""
EXPECTED = {"multiclass": "billing", "ordinal": "1", "number": "up"}


class Run(NamedTuple):
    """A project, the run.json of its agent's latest run, and the type of its task."""

    root: Path
    record: dict[str, Any]
    kind: tasks.Kind


@pytest.fixture(scope="module", params=["multiclass", "ordinal", "number"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("types") / request.param
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "requirements.lock", root)
    remember_code(root / "data")
    tasks.write(root, request.param)
    hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB", "LOOPBOOK_DATA", "LOOPBOOK_REPORTS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    tests = Path("notebooks", "scenarios", "tickets-behaviour.csv")
    (root / tests).write_text(BEHAVIOUR.format(expected=EXPECTED[request.param]), encoding="utf-8")
    study = "studies.honest_numbers.sizes=2 studies.honest_numbers.draws=1 studies.honest_numbers.least=10"
    study += " studies.unlabelled.topics=4"
    study += " studies.small_models.variants=[int8,distilled] studies.small_models.student=mlp"
    study += " studies.small_models.decisions=20"
    study += f" studies.behaviour.tests={tests.as_posix()} studies.behaviour.rows=60 studies.behaviour.explained=5"
    command = ["-m", "loopbook", "run", "--scenario", "tickets", "--profile", "smoke", "--params", study]
    place = {"LOOPBOOK_PROJECT": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, *command], cwd=root, env={**kept, **place}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = root / "reports" / "tickets" / "latest" / "run.json"
    return Run(root, json.loads(page.read_text(encoding="utf-8")), request.param)


def test_the_primary_metric_of_the_type_is_recorded_by_every_stage_that_judges(run: Run) -> None:
    stages, primary = run.record["stages"], metrics.primary(run.kind).name
    assert {stage["state"] for stage in stages.values()} == {"done"} and len(stages) == 13
    for stage, prefix in (("03_training[tfidf]", "validation"), ("04_optimization", "test")):
        found = stages[stage]["metrics"]
        ends = [found[f"{prefix}_{primary}{end}"] for end in ("_low", "", "_high")]
        assert ends == sorted(ends)
    assert stages["04_optimization"]["metrics"][f"test_{primary}"] > 0.2, "better than chance and mean, which have 0"
    assert f"stream_{primary}" in stages["05_decisions"]["metrics"]
    judged = [name for stage, of in stages.items() if stage > "03" for name in of["metrics"]]
    assert not [name for name in judged if "roc_auc" in name], "that is a metric of two classes"


def test_what_is_shipped_answers_like_what_was_trained_and_needs_no_keras(run: Run) -> None:
    champion = run.root / "data" / run.record["stages"]["04_optimization"]["artifacts"]["champion"]
    assert run.record["stages"]["04_optimization"]["metrics"]["export_difference"] < 1e-5
    rows, model = tasks.tickets(40), serving.load(champion)
    answer = model.answer(rows)
    assert answer.probability.shape == (40, len(model.classes))
    assert answer.probability.sum(axis=1) == pytest.approx([1.0] * 40)
    assert list(answer.also) == (["tone"] if run.kind == "multiclass" else [])
    if run.kind == "number":
        assert (answer.distribution[:, 1:] >= answer.distribution[:, :-1]).all()


def test_no_page_has_a_fault_on_a_screen_or_a_phone(run: Run, browser: Any) -> None:
    visit = Visit(browser, run.root / "reports")
    pages = sorted((run.root / "reports" / "tickets" / "latest").glob("[01]*.html"))
    names = [page.relative_to(run.root / "reports").as_posix() for page in pages]
    found = {name: visit.faults(name, axe=False) + visit.faults(name, PHONE, dark=True) for name in names}
    assert len(found) == 13 and {name: faults for name, faults in found.items() if faults} == {}


def test_the_study_of_honest_numbers_says_what_it_found(run: Run) -> None:
    recorded = run.record["stages"]["08_honest_numbers"]["metrics"]
    primary = metrics.primary(run.kind).name
    assert recorded[f"learned_{primary}_low"] <= recorded[f"learned_{primary}"] <= recorded[f"learned_{primary}_high"]
    assert recorded["slices"] > 1 and recorded["worst_slice"]
    assert 0 <= recorded["planted_recall"] <= 1 and recorded["suspects"] >= 0


def test_the_study_without_labels_names_topics_and_says_how_many_rows_are_unlike_train(run: Run) -> None:
    recorded = run.record["stages"]["11_unlabelled"]["metrics"]
    assert recorded["topics"] == 4 and len(recorded["grew_most"].split(", ")) == 5
    assert recorded["grew_low"] <= recorded["grew"] <= recorded["grew_high"]
    assert 0 <= recorded["unusual_low"] <= recorded["unusual"] <= recorded["unusual_high"] <= 1


def test_the_study_of_behaviour_says_what_fails_and_how_far_explanations_add_up(run: Run) -> None:
    recorded = run.record["stages"]["10_behaviour"]["metrics"]
    assert recorded["behavioural_tests"] == 3
    assert recorded["direction_failures"] == 0, "what is learned from leads there"
    assert 0 <= recorded["jitter_of_numbers_changed_low"] <= recorded["jitter_of_numbers_changed_high"] <= 1
    assert recorded["completeness_error"] >= 0 < recorded["attributed"]
    assert recorded["shapley_error"] < 1e-4 * (1 + recorded["attributed"]), "Shapley values add up"


def test_the_study_of_small_models_says_what_each_costs_and_what_is_shipped(run: Run) -> None:
    recorded = run.record["stages"]["09_small_models"]["metrics"]
    # The champion is linear, and only networks are quantised.
    assert recorded["shipped"] in {"float32", "distilled"}
    assert recorded["shipped"] == run.record["stages"]["04_optimization"]["metrics"]["variant"]
    assert recorded["test_lost_low"] <= recorded["test_lost"] <= recorded["test_lost_high"]
    assert recorded["megabytes"] > 0
    written = pd.read_parquet(run.root / "data" / run.record["stages"]["09_small_models"]["artifacts"]["variants"])
    assert list(written["variant"]) == ["float32", "distilled"] and (written["bytes"] > 0).all()


def test_it_is_served_and_decides_as_the_notebook_did(run: Run) -> None:
    project = Project(run.root)
    engine = connect(project)
    decisions = pd.read_parquet(run.root / "data" / run.record["stages"]["05_decisions"]["artifacts"]["decisions"])
    rows = tasks.tickets().set_index("id").loc[decisions["row_id"]].head(60)
    asked = [
        {"id": str(name), "fields": {"text": row["text"], "channel": row["channel"], "amount": row["amount"]}}
        for name, row in rows.iterrows()
    ]
    with Service(project, engine, "tickets", workers=1) as running, Client(running.address, running.key) as client:
        answers = client.decide(asked)
        one = client.decide(asked[0])
        explained = client.decision(answers[0]["decision_id"], explain=True)
        client.feedback(answers[0]["decision_id"], "ann", rating=4)
        assert {"request", "answer"} <= set(client.agent()["schemas"])
    engine.dispose()
    log = decisions.head(60)
    assert [answer["id"] for answer in answers] == log["row_id"].tolist()
    assert [answer["label"] for answer in answers] == log["answer"].tolist()
    assert [answer["probability"] for answer in answers] == pytest.approx(log["probability"].tolist(), abs=1e-6)
    asking = [answer["action"] == "review" for answer in answers]
    assert asking == log["reviewed"].tolist()
    chosen = [(answer["action"], action) for answer, action in zip(answers, log["action"], strict=True)]
    assert [pair for pair, reviewed in zip(chosen, asking, strict=True) if not reviewed and pair[0] != pair[1]] == []
    if run.kind == "number":
        assert [answer["value"] for answer in answers] == pytest.approx(log["value"].tolist(), rel=1e-6)
        assert all(answer["quantiles"]["0.10"] <= answer["quantiles"]["0.90"] for answer in answers)
    if run.kind == "multiclass":
        assert [answer["also"]["tone"]["label"] for answer in answers] == log["tone"].tolist()
    assert one["probability"] == pytest.approx(answers[0]["probability"], abs=1e-6)
    fields = {part["field"] for part in explained["explanation"]["parts"]}
    assert explained["explanation"]["complete"] and fields == {"text", "channel", "amount"}
