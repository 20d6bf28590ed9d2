"""The range test leaves the network as it was, finds a step size that trains, and the fit takes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem
from tests.models.training.test_fitting import SMALL, facts, fit

from loopbook.figures.figure import Figure
from loopbook.models import training_page
from loopbook.models.training import fit_store, learning_rate


def test_a_fit_takes_the_step_size_that_it_finds(text: Problem, tmp_path: Path) -> None:
    told: list[str] = []
    found = fit(text, tmp_path / "found", "cnn", told.append, range_test=60, learning_rate=1e-6)
    curve = pd.read_csv(tmp_path / "found" / "learning_rates.csv")
    rate = learning_rate.chosen(curve)
    assert facts(tmp_path / "found")["learning_rate"] == rate
    assert told[0] == "range test: step 1 of 60" and told[-1].startswith("epoch 3 of 3")

    sizes = curve["learning_rate"]
    assert sizes.is_monotonic_increasing and sizes[0] == pytest.approx(1e-6)
    assert np.diff(np.log(sizes)) == pytest.approx(np.log(1e6) / 59)
    smooth = curve["smooth"].to_numpy()
    assert smooth[0] == pytest.approx(curve["loss"][0])
    assert smooth.min() < smooth[0], "some size trains"
    assert smooth[-1] > 1.2 * smooth.min(), "some size is too large"
    assert 1e-4 < rate < 0.1

    named = fit(text, tmp_path / "named", "cnn", learning_rate=rate)
    for one, two in zip(found.predictor.model.get_weights(), named.predictor.model.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_a_fit_that_was_killed_behind_it_does_not_test_again(text: Problem, tmp_path: Path) -> None:
    def kill(report: str) -> None:
        if report.startswith("epoch 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(text, tmp_path / "fit", "bag", kill, range_test=20)
    told: list[str] = []
    fit(text, tmp_path / "fit", "bag", told.append, range_test=20)
    assert told[0].startswith("epoch 1")

    held = training_page.Held("bag", fit_store.load(tmp_path / "fit"), text.task, 50)
    figure = training_page.learning_rates(held)
    assert isinstance(figure, Figure)
    fit(text, tmp_path / "plain", "majority", own=SMALL.get("majority", {}))
    plain = training_page.Held("majority", fit_store.load(tmp_path / "plain"), text.task, 50)
    assert "No range test" in str(training_page.learning_rates(plain))
