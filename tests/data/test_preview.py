import pandas as pd

from loopbook.data import preview
from loopbook.scenario.task import Binary, YesNo

LABEL = YesNo(column="y", positive=(1,))


def frame(fields: int) -> pd.DataFrame:
    values = {f"f{at}": [at + 0.123456, 1e-5] for at in range(fields)}
    return pd.DataFrame({"row_id": ["a", "b"], "label": [0, 1], **values})


def test_few_fields_stand_side_by_side():
    task = Binary(fields={"f0": "number", "f1": "number"}, label=LABEL)
    assert list(preview.rows(frame(2), task, ["label"]).columns) == ["f0", "f1", "label"]


def test_many_fields_stand_down_the_side_with_short_numbers_and_the_others_on_top():
    task = Binary(fields={f"f{at}": "number" for at in range(12)}, label=LABEL)
    shown = preview.rows(frame(12).assign(f5=[float("nan"), 1.0]), task, ["label"])
    assert list(shown.columns) == ["a", "b"] and shown.loc["f5"].tolist() == ["–", "1"]
    assert list(shown.index)[:2] == ["label", "f0"]
    assert shown.loc["f3", "a"] == "3.123"
    assert shown.loc["label", "b"] == 1
