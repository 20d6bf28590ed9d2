"""What is asked about the test has the form in which 05 leaves the stream."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.monitoring import several

from loopbook.models.answers import Answers
from loopbook.monitoring import surges, tested
from loopbook.monitoring.timeline import prepare
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError


class Fake:
    """A model of three classes and a tone, or of a number."""

    def __init__(self, *, number: bool = False) -> None:
        self.features = SimpleNamespace(texts=("text",), numbers=(), categories=())
        self.learned, self.number = np.zeros(0, "uint64"), number

    def answer(self, frame: pd.DataFrame, *more: object) -> Answers:
        n = len(frame)
        p = np.tile([0.2, 0.5, 0.3], (n, 1))
        if not self.number:
            return Answers(p, CLASSES, {"tone": (("bad", "good"), np.tile([0.1, 0.9], (n, 1)))})
        value = np.arange(n, dtype="float64")
        return Answers(p, CLASSES, value=value, distribution=value[:, None] + np.arange(1, 100) / 100)


CLASSES = ("c0", "c1", "c2")
ROWS = pd.DataFrame({"row_id": ["a", "b"], "text": ["one", "two"]}, index=[5, 3])


def task(**more: object) -> object:
    values = several.scenario(3).model_dump()
    values["task"] |= more
    return Scenario.model_validate(values).task


def test_scores_have_the_columns_of_the_streams_and_outputs_are_columns_of_the_rows() -> None:
    wanted = pd.DataFrame(columns=["row_id", "c2", "c0", "c9", "c1"])
    outputs = {"tone": {"column": "mood", "values": ["bad", "good"]}}
    rows, scores = tested.asked(Fake(), ROWS, wanted, task(also=outputs))
    assert scores.set_index("row_id").loc["b", ["c0", "c1", "c2", "c9"]].tolist() == [0.2, 0.5, 0.3, 0.0]
    assert rows["tone"].tolist() == ["good", "good"]
    assert rows.index.tolist() == [5, 3]
    assert not {"low", "value"} & {*rows.columns}


def test_a_number_has_its_prediction_and_the_interval_of_nine_tenths() -> None:
    wanted = pd.DataFrame(columns=["row_id", "c0", "c1", "c2"])
    rows, _ = tested.asked(Fake(number=True), ROWS, wanted, several.scenario().task)
    assert rows["value"].tolist() == [0.0, 1.0]
    assert rows["low"].tolist() == pytest.approx([0.05, 1.05])
    assert rows["high"].tolist() == pytest.approx([0.95, 1.95])


def test_rows_that_the_model_has_learned_from_are_refused() -> None:
    from loopbook.models import seen_rows

    model = Fake()
    model.learned = seen_rows.learned(model.features, ROWS.iloc[:1])
    with pytest.raises(DataError, match="'a'"):
        tested.asked(model, ROWS, pd.DataFrame(columns=["row_id", "c0", "c1", "c2"]), task())


def test_a_further_output_is_a_segment_of_the_watch_and_no_column_of_the_source() -> None:
    values = several.scenario(3).model_dump()
    values["task"]["also"] = {"tone": {"column": "mood", "values": ["bad", "good"]}}
    values["monitoring"]["segments"] = ["company", "tone"]
    found = Scenario.model_validate(values)
    assert found.segments == ("company", "style")
    log = several.log(1, 3)
    frames = [side.frame.assign(tone="good") for side in (log.stream, log.reference)]
    loud = (log.stream.day == 12) & (np.arange(len(log.stream)) % 3 == 0)
    frames[0].loc[loud, "tone"] = "bad"
    scores = [several.said(side) for side in (log.stream, log.reference)]
    again = prepare(frames[0], frames[1], found, scores=(scores[0], scores[1]))
    assert again.segments == ("company", "tone", "answer")
    assert surges.watch(again).signals["title"].iloc[0].startswith("tone “bad” is new: ")
