"""Every notebook does the same by the runner and by plain papermill."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.smoke import ROOT, Place, Ran

from loopbook.store.declaration import declarations

NOTEBOOKS = declarations(ROOT / "notebooks", studies=())
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


PAPERMILL = """\
import json, sys
from papermill.__main__ import papermill
for words in json.loads(sys.argv[1]):
    papermill(words, standalone_mode=False)
"""
"""Papermill's command, several times in one process, each with a kernel of its own."""


def test_plain_papermill_gives_the_same_figures(clinic: Ran, place: Callable[[str], Place]) -> None:
    where, steps = place("papermill"), []
    for step in clinic[1]["stages"].values():
        stage, candidate = step["stage"], step["candidate"]
        output = str(where.folder / f"{folder_of(stage, candidate)}.ipynb")
        given = {"scenario": "clinic-triage", "profile": "smoke", **({"candidate": candidate} if candidate else {})}
        words = [word for name, value in given.items() for word in ("-p", name, value)]
        steps.append([f"notebooks/{stage}.ipynb", output, "--no-progress-bar", *words])
    done = where.python("-c", PAPERMILL, json.dumps(steps))
    assert done.returncode == 0, done.stderr[-3_000:]
    for step in clinic[1]["stages"].values():
        folder = folder_of(step["stage"], step["candidate"])
        same(dict(where.draft("clinic-triage", folder, "results")), step["metrics"])
    assert not (where.folder / "data" / "store").exists()


def test_a_misspelt_parameter_is_refused_by_plain_papermill_too(place: Callable[[str], Place]) -> None:
    where = place("misspelt")
    output = str(where.folder / "out.ipynb")
    done = where.python(
        "-m", "papermill", "notebooks/01_requirements.ipynb", output, "-p", "profile", "smoke", "-p", "day", "3"
    )
    assert done.returncode != 0
    assert "has no parameter 'day'. Did you mean 'days'?" in done.stderr


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
