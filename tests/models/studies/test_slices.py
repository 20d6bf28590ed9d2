from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.models.studies import slices
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings

GIVEN = Scenario(
    name="given",
    title="Given",
    description="Given.",
    task=Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,), names=("no", "yes"))),
    source=CsvSource(kind="csv", path="none.csv", protected=("region",)),
    training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
)


def rows(segment: list[str]) -> pd.DataFrame:
    count = len(segment)
    columns = {"text": ["a word"] * count, "group": [f"g{at}" for at in range(count)], "time": pd.NaT}
    return pd.DataFrame({**columns, "region": segment, "label": (np.arange(count) % 2).astype("int8")})


@pytest.mark.parametrize("worst", ["north", "<script>", "=1+1"])
def test_the_worst_slice_is_named_with_its_rows(worst: str) -> None:
    frame = rows([worst] * 100 + ["other"] * 300)
    yes = frame["label"].to_numpy(float)
    said = np.where(np.arange(400) < 100, 0.5 + 0.1 * (0.5 - yes), yes)
    found = slices.slices(frame, np.column_stack([1 - said, said]), GIVEN, 40, 200)
    first = found.table.iloc[0]
    assert (first["by"], first["part"], first["rows"]) == ("region", worst, 100)
    assert first["value"] == 0 and first["worse"] == pytest.approx(1)
    assert first["worse_low"] > 0
    assert found.figures()["worst_slice"] == f"region: {worst}"


def test_parts_below_the_least_are_not_judged_and_then_all_rows_are_one() -> None:
    frame = rows(["few"] * 10 + ["many"] * 90)
    said = np.full((100, 2), 0.5)
    found = slices.slices(frame, said, GIVEN, 40, 100)
    assert found.table[["by", "part"]].to_numpy().tolist() == [["all", "rows"]]
    assert found.figure() is not None
