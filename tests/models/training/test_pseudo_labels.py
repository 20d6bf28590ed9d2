"""Rows of weight 0 join where the probe is sure, by what it says and not by the label that they carry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, frame
from tests.models.training.test_fitting import fit

from loopbook.scenario.errors import ScenarioError
from loopbook.statistics import metrics

PROBE = {"epochs": 0, "probe": 10.0}


@pytest.fixture(scope="module")
def many(cells: Problem) -> Problem:
    """Return twelve labelled rows and those without a label that counts; which they carry is wrong."""
    few = cells.train.groupby("label").head(6)
    others = cells.train.drop(few.index).assign(weight=np.float32(0), label=lambda rows: 1 - rows["label"])
    return replace(cells, train=pd.concat([few, others.astype({"label": "int8"})], ignore_index=True))


def test_rows_that_weigh_nothing_teach_nothing_until_they_join(many: Problem, tmp_path: Path) -> None:
    few = replace(many, train=many.train[many.train["weight"] > 0])
    own = {"units": 8, "layers": 1}
    alone = fit(few, tmp_path / "few", "mlp", own=own, epochs=2).raw(few.validation)
    assert fit(many, tmp_path / "many", "mlp", own=own, epochs=2).raw(few.validation) == pytest.approx(alone, abs=1e-5)


def test_what_is_sure_joins_and_helps(many: Problem, tmp_path: Path) -> None:
    label, told = many.validation["label"], list[str]()
    own = {"units": 32, "layers": 1, "dropout": 0.0}
    plain = fit(many, tmp_path / "plain", "mlp", own=own, **PROBE)
    more = fit(many, tmp_path / "more", "mlp", told.append, own=own, pseudo_labels=0.9, **PROBE)
    scores = [metrics.score("log_loss", label, model.probabilities(many.validation)) for model in (plain, more)]
    assert not np.allclose(plain.raw(many.validation), more.raw(many.validation))
    joined = [int(line.split(" · ")[1].split(" of ")[0]) for line in told if line.startswith("pseudo_labels")]
    assert len(joined) == 3 and all(50 < count < 388 for count in joined)
    assert scores[1] < scores[0]
    assert not list((tmp_path / "more").glob("*.npz"))


def test_a_killed_fit_keeps_what_joined(many: Problem, tmp_path: Path) -> None:
    recipe = {"epochs": 3, "probe": 10.0, "pseudo_labels": 0.9, "own": {"units": 8, "layers": 1}}
    whole = fit(many, tmp_path / "whole", "mlp", **recipe)

    def kill(report: str) -> None:
        if report.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(many, tmp_path / "killed", "mlp", kill, **recipe)
    again = fit(many, tmp_path / "killed", "mlp", **recipe)
    for one, two in zip(whole.predictor.model.get_weights(), again.predictor.model.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_it_needs_a_probe(text: Problem, tmp_path: Path) -> None:
    few = replace(text, train=frame(40, 1), validation=frame(20, 2))
    with pytest.raises(ScenarioError, match="give probe a C"):
        fit(few, tmp_path / "fit", "bag", pseudo_labels=0.5)
