"""A champion is judged on rows from elsewhere only where they mean the same, and never on such as it has learned."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.models.studies.test_behaviour import SCENARIOS, Says

from loopbook.data import catalog
from loopbook.models.studies import transfer
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.loading import load


def test_only_rows_of_the_catalog_can_stand_beside_rows_of_the_catalog() -> None:
    with pytest.raises(ScenarioError, match=r"elsewhere is 'rated-tweets'.*the source is of the kind 'simulation'"):
        transfer.other(load("market-monitor", SCENARIOS), "rated-tweets")
    with pytest.raises(DataError, match="Did you mean 'rated-tweets'"):
        transfer.other(load("press-monitor", SCENARIOS), "rated-tweet")
    own = load("press-monitor", SCENARIOS)
    other = transfer.other(own, "rated-tweets")
    assert (other.source.dataset, other.source.group, other.source.id) == ("rated-tweets", None, "id")  # type: ignore[union-attr]
    assert own.source.dataset == "nyt-editorials", "the scenario itself stays"  # type: ignore[union-attr]


@pytest.mark.skipif(not os.environ.get(catalog.MIRROR), reason=f"{catalog.MIRROR} is not set")
def test_both_places_are_judged_with_intervals(tmp_path: Path) -> None:
    scenario = load("press-monitor", SCENARIOS, "smoke")
    project = SimpleNamespace(root=tmp_path, raw=tmp_path)
    stage = SimpleNamespace(scenario=scenario, project=project, progress=lambda text: None)
    features = SimpleNamespace(texts=("text",), numbers=(), categories=())
    bad = {"bad", "terrible", "worst", "hate", "awful"}
    model = Says(lambda row: 0.9 if bad & set(row["text"].lower().split()) else 0.4, ("other", "negative"))
    model.features = features  # type: ignore[assignment]
    test = pd.DataFrame({"row_id": [f"r{at}" for at in range(40)], "text": [f"{at} is bad" for at in range(40)]})
    test = test.assign(group=test["row_id"], label=np.int8([0, 1] * 20), time=pd.NaT)
    alone = transfer.judged(stage, model, test, "", 300)  # type: ignore[arg-type]
    assert alone.table.index.tolist() == ["test"] and alone.figures() == {}
    found = transfer.judged(stage, model, test, "rated-tweets", 300)  # type: ignore[arg-type]
    assert found.table["rows"].tolist() == [40, 300]
    recorded = found.figures()
    assert 0.5 < recorded["elsewhere_roc_auc_low"] < recorded["elsewhere_roc_auc"] < recorded["elsewhere_roc_auc_high"]
    assert "another source" in found.figure().alt
