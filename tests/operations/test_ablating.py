"""An ablation from end to end on small made-up rows: what was measured is not measured again, and the limit holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.models.conftest import sentences
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.operations import ablation_bench
from loopbook.store.project import Project

SCENARIO = """\
name: tiny
title: <b>Tiny</b>
description: Small.
task:
  fields: {text: text}
  label: {column: y, positive: [1]}
source: {kind: csv, path: texts.csv, group: article}
data: {sequence_length: 16, vocabulary_size: 200, splits: {by: group}}
training:
  epochs: 2
  learning_rate: 0.01
  candidates:
    tfidf: {architecture: tfidf}
    bag: {architecture: bag}
ablation: {folds: 2, seeds: 1, trials: 1, survive: 0.99, confirm_seeds: 1, made: false}
"""


@pytest.fixture
def tiny(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("LOOPBOOK_PROJECT", str(project.root))
    (project.scenarios / "tiny.yaml").write_text(SCENARIO)
    (project.root / "requirements.lock").write_text(Path("requirements.lock").read_text())
    texts, labels = sentences(200, 1)
    lines = [f"{label},a{at // 3},{text} {at}" for at, (text, label) in enumerate(zip(texts, labels, strict=True))]
    (project.root / "texts.csv").write_text("\n".join(["y,article,text", *lines]))
    return project


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["ablation", "--scenario", "tiny", *words])


def test_an_ablation_measures_what_fits_and_repeats_nothing(tiny: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of all the techniques two, so that it takes seconds.
    from loopbook.models.studies import ablation
    from loopbook.operations import ablating

    few = ("focal", "layer_decay")
    fields, names = list(ablation.fields()), ("bag", "tfidf", "mlp", "ensemble")
    monkeypatch.setattr(ablation, "fields", lambda: iter([each for each in fields if each[0] in few]))
    monkeypatch.setattr(ablation.registry, "names", lambda: list(names))
    monkeypatch.setattr(ablating.registry, "names", lambda: list(names))
    page = tiny.root / "page.md"

    done = call("--limit", "0.1", "--out", str(page))
    assert done.exit_code == 0, done.output
    table = {line.split(" | ")[0].strip("| "): line for line in page.read_text().splitlines() if " | " in line}
    assert "it changes nothing here" in table["layer_decay = 0.8"], "a network without an encoder's layers"
    assert re.search(
        r"add-one \| bag \| 2 × 1 \| 0\.\d+ \| [+-]0\.\d+ .* weights 0\.\d+ away; loss", table["focal = 2.0"]
    )
    assert "leave-one-out" in table["dropout = 0.0"]
    assert "add-one | bag | 2 × 1 | 0." in table["ensemble of architectures = with tfidf"]
    assert "a model is trained further" in table["replay"]
    assert "not measured here: The architecture 'mlp' needs a table field" in table["mlp"]
    assert "not measured here: it is what the others are compared with" in table["tfidf"]
    html = (tiny.reports / "tiny" / "ablation" / "index.html").read_text()
    assert "&lt;b&gt;Tiny" in html and "<b>Tiny" not in html
    assert "focal" in html

    journal = ablation_bench.journal(tiny)
    before = journal.read_text()
    journal.write_text(before + '{"key": "cut of')  # killed while it wrote
    again = call("--limit", "0.1", "--out", str(page))
    assert again.exit_code == 0, again.output
    notes = [line for line in journal.read_text().splitlines() if line.endswith("}")]
    assert notes == before.splitlines(), "nothing is fitted twice"
    assert len({json.loads(line)["key"] for line in notes}) == len(notes)

    more = call("--limit", "0.0001", "--params", "ablation.seeds=2", "--out", str(page))
    assert more.exit_code == 0, more.output
    assert "not measured here: out of the limit of 0.0001 hours" in page.read_text()
    assert journal.read_text() == before, "beyond the limit nothing is begun"


def test_a_scenario_without_a_network_is_refused(tiny: Project) -> None:
    (tiny.scenarios / "tiny.yaml").write_text(SCENARIO.replace("    bag: {architecture: bag}\n", ""))
    done = call()
    assert done.exit_code == 2
    assert "needs a network" in done.output
