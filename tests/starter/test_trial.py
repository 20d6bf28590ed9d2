"""The pipeline's own code says which splits and limits a table can bear."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from loopbook.data import sources
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CsvSource
from loopbook.starter import trial
from loopbook.starter.document import Draft
from tests.starter.conftest import draft

TODAY = date(2026, 6, 1)


def settled(folder: Path, table: Mapping[str, Sequence[object]]) -> Draft:
    rows = zip(*table.values(), strict=True)
    (folder / "t.csv").write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]), "utf-8")
    return trial.settle(draft(table), sources.collect(CsvSource(kind="csv", path="t.csv"), folder, folder), TODAY)


def table(rows: int, days: int = 50, customers: int = 60) -> dict[str, list[object]]:
    draw = random.Random(1)
    label = [int(draw.random() < 0.3) for _ in range(rows)]
    return {
        "date": [date(2026, 1, 1) + timedelta(days=row * days // rows) for row in range(rows)],
        "customer": [f"c{draw.randint(1, customers)}" for _ in range(rows)],
        "size": [round(draw.gauss(each, 1), 4) for each in label],
        "label": label,
    }


def without(columns: Mapping[str, list[object]], *names: str) -> dict[str, list[object]]:
    return {name: values for name, values in columns.items() if name not in names}


def test_splits_are_by_what_is_there(tmp_path: Path) -> None:
    whole = table(600)
    assert settled(tmp_path, whole).by == "time"
    assert settled(tmp_path, without(whole, "date")).by == "group"
    assert settled(tmp_path, without(whole, "date", "customer")).by == "stratum"


def test_a_time_after_which_one_answer_ends_is_not_split_by(tmp_path: Path) -> None:
    whole = without(table(600), "customer")
    whole["label"] = [value if row < 300 else 0 for row, value in enumerate(whole["label"])]
    found = settled(tmp_path, whole)
    why = "a split by time would leave a part empty or without both answers"
    assert found.by == "stratum"
    assert found.by_reason == f"stratum: {why}; by chance, the shares of the label alike within chance"


@pytest.mark.parametrize(
    ("days", "group", "by", "why"),
    [
        (5, False, "stratum", "a split by time would leave a part empty"),  # of whole dates, one in five rows each
        (9, False, "time", "time: the agent is tested on days after"),
        (9, True, "time", "rows of one group may stand on both sides"),
        (4, False, "stratum", "needs rows of 5 days, and these are of 4; by chance"),
        (3, True, "group", "needs rows of 5 days, and these are of 3; all rows of one group"),
    ],
)
def test_a_week_is_split_by_time_and_fewer_days_say_why_not(
    tmp_path: Path, days: int, group: bool, by: str, why: str
) -> None:
    found = settled(tmp_path, without(table(900, days=days), *([] if group else ["customer"])))
    assert found.by == by
    assert why in found.by_reason


def test_small_tables_give_train_less(tmp_path: Path) -> None:
    assert settled(tmp_path, table(300)).shares[0] < settled(tmp_path, table(3_000)).shares[0]


def test_what_is_lost_is_counted_with_its_reasons(tmp_path: Path) -> None:
    whole = table(400)
    for row in range(0, 400, 25):
        whole["label"][row] = ""
    found = settled(tmp_path, whole)
    assert found.lost == "4.0% of the rows cannot be used: 16 missing-label"
    assert found.quarantine == 0.05


def test_a_sorted_file_is_not_cut_to_one_class_in_smoke(tmp_path: Path) -> None:
    whole = without(table(4_000), "date", "customer")
    assert settled(tmp_path, whole).smoke_rows == 1_500
    order = sorted(range(4_000), key=lambda row: whole["label"][row])
    ordered = settled(tmp_path, {name: [values[row] for row in order] for name, values in whole.items()})
    assert ordered.smoke_rows == 1_500
    smoke = trial.scenario_of(ordered, "smoke")
    assert (smoke.source.sample, smoke.data.rows) == (1_500, None)


@pytest.mark.parametrize(
    ("every", "late", "least", "most"), [(1, 0, 14, 14), (3, 0, 58, 58), (3, 300, 358, 358), (3, 330, 365, 365)]
)
def test_the_prototype_is_tried_on_as_many_days_as_show_both_answers(
    tmp_path: Path, every: int, late: int, least: int, most: int
) -> None:
    whole = without(table(900), "customer")
    if every > 1:
        whole["date"] = [date(2023, 1, 1) + timedelta(days=row) for row in range(900)]
        whole["label"] = [int(row % every == 0 and row >= late) for row in range(900)]
    found = settled(tmp_path, whole)
    assert least <= found.days <= most
    assert trial.scenario_of(found).requirements.days == found.days


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="45 rows can be used; at least 60"):
        settled(tmp_path, table(45))
