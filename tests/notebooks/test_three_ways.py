"""Every notebook does the same by the runner, by plain papermill, and on somebody else's data."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.smoke import ROOT, Place, Ran

from loopbook.store.declaration import declarations

NOTEBOOKS = declarations(ROOT / "notebooks")
STEPS = [
    (stage, candidate)
    for stage, declared in NOTEBOOKS.items()
    for candidate in (("tfidf", "cnn") if declared.each else (None,))
]


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), name


def folder_of(stage: str, candidate: str | None) -> str:
    return f"{stage}-{candidate}" if candidate else stage


def test_the_runner_executes_every_notebook(ran: Ran) -> None:
    _, record = ran
    wanted = {f"{stage}[{candidate}]" if candidate else stage for stage, candidate in STEPS}
    assert set(record["stages"]) == wanted
    assert {stage["state"] for stage in record["stages"].values()} <= {"done", "fresh"}, "fresh: done by its neighbour"
    assert record["champion"] == record["stages"]["04_optimization"]["metrics"]["champion"]


@pytest.mark.parametrize("stage", [stage for stage in NOTEBOOKS if stage[:2] in ("01", "02", "05", "06")])
def test_a_notebook_that_neither_trains_nor_tunes_does_not_import_tensorflow(ran: Ran, stage: str) -> None:
    imported = json.loads((ran[0].folder / "ipython" / "imported" / f"{stage}.json").read_text())
    assert "pandas" in imported
    assert not {"tensorflow", "keras"} & set(imported)


def test_plain_papermill_in_a_fresh_process_gives_the_same_figures(clinic: Ran, place: Callable[[str], Place]) -> None:
    where = place("papermill")
    for step in clinic[1]["stages"].values():
        stage, candidate = step["stage"], step["candidate"]
        output = str(where.folder / f"{folder_of(stage, candidate)}.ipynb")
        given = {"scenario": "clinic-triage", "profile": "smoke", **({"candidate": candidate} if candidate else {})}
        words = [word for name, value in given.items() for word in ("-p", name, value)]
        done = where.python("-m", "papermill", f"notebooks/{stage}.ipynb", output, "--no-progress-bar", *words)
        assert done.returncode == 0, done.stderr[-3_000:]
        same(dict(where.draft("clinic-triage", folder_of(stage, candidate), "results")), step["metrics"])
    assert not (where.folder / "data" / "store").exists()


def test_a_misspelt_parameter_is_refused_by_plain_papermill_too(place: Callable[[str], Place]) -> None:
    where = place("misspelt")
    output = str(where.folder / "out.ipynb")
    done = where.python(
        "-m", "papermill", "notebooks/01_requirements.ipynb", output, "-p", "profile", "smoke", "-p", "day", "3"
    )
    assert done.returncode != 0
    assert "has no parameter 'day'. Did you mean 'days'?" in done.stderr


OTHER = """\
name: tickets
title: Tickets
description: Says which support tickets are urgent.
stories:
  - id: urgent
    as_a: clerk
    i_want: urgent tickets first
    so_that: nobody waits in vain
    criteria:
      - {id: good, text: It ranks well, stage: 04_optimization, metric: test_roc_auc, threshold: 0.6}
task:
  fields: {Betreff: text, Wartezeit: number, Kanal: category}
  label: {column: Dringend, positive: ["ja"], names: [normal, urgent]}
  actions: [queue, escalate]
source:
  kind: csv
  path: %s
  delimiter: ";"
  decimal: ","
  id: Nr
data: {vocabulary_size: 300, sequence_length: 16}
requirements:
  terms: {trouble: [ausfall, kaputt, sofort]}
training:
  epochs: 8
  patience: 3
  bootstrap: 100
  candidates:
    table: {architecture: table_logistic}
    network: {architecture: cnn, settings: {filters: 8, embedding: 8}}
optimization:
  trials: 1
  latency_repeats: 10
  search: {learning_rate: {low: 0.001, high: 0.01, log: true}}
"""


def tickets(path: Path, rows: int = 1_000) -> None:
    """Write a table with other column names, text labels, decimal commas, and values that are missing."""
    draw = random.Random(1)
    bad = ["ausfall der anlage", "gerät kaputt", "bitte sofort", "nichts geht mehr"]
    good = ["frage zur rechnung", "neues passwort", "termin im mai", "lob für das team"]
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Nr", "Betreff", "Wartezeit", "Kanal", "Dringend"])
        for number in range(rows):
            urgent = draw.random() < 0.4
            phrase = draw.choice(bad if urgent == (draw.random() < 0.9) else good)
            names = " ".join(draw.sample(["kunde", "werk", "büro", "lager", "nord", "süd", "ost", "west"], 4))
            wait = draw.gauss(5 if urgent else 3, 1.5)
            shown = "" if draw.random() < 0.05 else f"{wait:.2f}".replace(".", ",")
            label = "" if draw.random() < 0.02 else ("ja" if urgent else "nein")
            out.writerow(
                [f"T{number}", f"{phrase} {names} {number % 97}", shown, draw.choice(["mail", "web", ""]), label]
            )


def test_a_scenario_of_ones_own_runs_through_all_notebooks(place: Callable[[str], Place]) -> None:
    where = place("own")
    tickets(where.folder / "tickets.csv")
    scenario = where.folder / "tickets.yaml"
    scenario.write_text(OTHER % (where.folder / "tickets.csv"), encoding="utf-8")
    record = where.run(str(scenario))
    assert len(record["stages"]) == len(NOTEBOOKS) + 1
    data = record["stages"]["02_data"]["metrics"]
    assert data["rows"] + data["quarantined"] == 1_000
    assert data["quarantined"] > 0
    assert record["criteria"][0]["value"] is not None
    assert record["criteria"][0]["untested"] == "not judged in smoke"


def test_the_event_files_of_each_candidate_hold_scalars_histograms_and_a_pr_curve(
    ran: Ran,
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    where, record = ran
    for candidate in ("tfidf", "cnn"):
        stage = record["stages"][f"03_training[{candidate}]"]
        events = EventAccumulator(str(where.folder / "data" / stage["artifacts"]["events"])).Reload()
        plugins = {plugin: events.PluginTagToContent(plugin) for plugin in ("scalars", "histograms", "pr_curves")}
        assert all(plugins.values()), (candidate, plugins)
