"""The notebook that docs/own-agent.md shows, which names no kernel, becomes a stage of the run."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest
from tests.smoke import ROOT, Place, Ran

SHOWN = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "own-agent.md").read_text(encoding="utf-8"), flags=re.S)


@dataclass(frozen=True)
class Elsewhere(Place):
    """A place whose notebooks are a copy of the project's."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "LOOPBOOK_PROJECT": str(self.folder / "project")}


def test_the_notebook_in_the_docs_becomes_a_stage_of_the_run(clinic: Ran, place: Callable[[str], Place]) -> None:
    where = Elsewhere(place("own-notebook").folder)
    for name in ("data", "reports"):
        shutil.copytree(clinic[0].folder / name, where.folder / name)
    copy = where.folder / "project"
    shutil.copytree(ROOT / "notebooks", copy / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "requirements.lock", copy)
    (text,) = SHOWN
    (copy / "notebooks" / "08_workload.ipynb").write_text(text, encoding="utf-8")
    record = where.run("clinic-triage")
    stage = record["stages"]["08_workload"]
    assert {name for name, other in record["stages"].items() if other["state"] == "done"} == {"08_workload"}
    decisions = pd.read_parquet(where.folder / "data" / record["stages"]["05_decisions"]["artifacts"]["decisions"])
    assert stage["metrics"]["busiest"] == decisions["action"].mode()[0]
    assert stage["metrics"]["busiest_share"] == pytest.approx(decisions["action"].value_counts(normalize=True).iloc[0])
    assert json.loads(text)["metadata"].keys() == {"loopbook"}
