"""Every row becomes a canonical row or a row in quarantine."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.conftest import build_scenario

from loopbook.data import parsing, sources, validation
from loopbook.data.parsing import Notation
from loopbook.data.sources import Collected
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CsvSource

TODAY = date(2026, 6, 30)
NO_BROKEN = pd.DataFrame(columns=["line", "reason", "detail", "text"])


def collected(columns: dict[str, list[object]], broken: pd.DataFrame = NO_BROKEN) -> Collected:
    frame = pd.DataFrame(columns)
    rows = {"rows": len(frame) + len(broken)}
    return Collected(frame, np.arange(2, len(frame) + 2), broken, rows)


def source(**columns: object) -> dict[str, object]:
    return {"kind": "csv", "path": "rows.csv", **columns}


def test_canonical_columns_come_first_and_others_keep_their_names(scenario):
    rows, quarantine = validation.validate(
        collected(
            {
                "id": ["7", "8"],
                "when": ["2026-01-02", "2026-01-03T10:00:00+02:00"],
                "weight": ["1.5", ""],
                "place": ["x", "y"],
                "text": [" a\u200b  b ", "c\u0061\u0301"],
                "alarm": ["YES", "no"],
            }
        ),
        scenario(source(id="id", time="when", group="place"), {"text": "text", "weight": "number"}),
        TODAY,
    )
    assert not len(quarantine)
    assert list(rows.columns) == [*validation.CANONICAL, "weight_source", "place", "text", "alarm"]
    assert rows["row_id"].tolist() == ["7", "8"]
    assert rows["time"].tolist() == [pd.Timestamp("2026-01-02", tz="UTC"), pd.Timestamp("2026-01-03 08:00", tz="UTC")]
    assert rows["time"].dtype == "datetime64[us, UTC]"
    assert rows["group"].tolist() == ["x", "y"]
    assert (rows["label"].tolist(), rows["label"].dtype) == ([1, 0], np.int8)
    assert (rows["weight"].tolist(), rows["weight"].dtype) == ([1.0, 1.0], np.float32)
    assert rows["weight_source"][2] == 1.5
    assert np.isnan(rows["weight_source"][3])
    assert rows["text"].tolist() == ["a b", "cá"]
    assert rows.index.tolist() == [2, 3]
    assert rows.index.name == "line"


def test_ratings_near_the_limit_weigh_less(scenario):
    label = {"column": "rating", "below": 0.0, "uncertain": 0.5}
    rows, _ = validation.validate(
        collected({"text": list("abcdef"), "rating": ["-2", "-0.25", "0", "0.1", "0.5", "4"]}),
        scenario(source(), label=label),
        TODAY,
    )
    assert rows["label"].tolist() == [1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(rows["weight"], [1, 0.5, 0, 0.2, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("positive", "values"),
    [
        (["yes"], ["Yes", "no", " YES "]),
        ([1], ["1", "0", "1.0"]),
        ([1], [1, 0, 1]),
        ([1], [1.0, 0.0, 1.0]),
        ([True], [True, False, True]),
        (["a", "b"], ["a", "c", "b"]),
        ([1, "yes"], ["yes", "no", "1"]),
    ],
)
def test_positive_values_are_found_however_the_source_writes_them(scenario, positive, values):
    rows, _ = validation.validate(
        collected({"text": list("xyz"), "alarm": values}),
        scenario(source(), label={"column": "alarm", "positive": positive}),
        TODAY,
    )
    assert rows["label"].tolist() == [1, 0, 1]


def test_rows_without_an_id_get_one_from_their_content(scenario):
    given_rows = {"text": ["a", "b", "a"], "alarm": ["yes", "no", "yes"]}
    rows, _ = validation.validate(collected(given_rows), scenario(source()), TODAY)
    first, second, third = rows["row_id"]
    assert third == f"{first}-2"
    assert rows["group"].tolist() == rows["row_id"].tolist()
    turned = {name: values[1:2] + values[:1] for name, values in given_rows.items()}
    again, _ = validation.validate(collected(turned), scenario(source()), TODAY)
    assert again["row_id"].tolist() == [second, first]


def test_names_of_persons_become_pseudonyms_everywhere(scenario):
    names = ["Jane Roe", "John Doe", "Jane Roe", "Jim Poe"]
    broken = pd.DataFrame([(9, "broken-line", "2 fields", "Jack Snow,x")], columns=["line", "reason", "detail", "text"])
    agent = scenario(source(group="author", personal=["author"]), max_quarantine_share=0.5)
    rows, quarantine = validation.validate(
        collected({"author": names, "text": list("abcd"), "alarm": ["yes", "no", "no", ""]}, broken), agent, TODAY
    )
    assert rows["author"].tolist() == rows["group"].tolist()
    assert rows["author"].iloc[0] == rows["author"].iloc[2] != rows["author"].iloc[1]
    everything = rows.to_csv() + quarantine.to_csv()
    assert not any(part in everything for name in [*names, "Jack Snow"] for part in name.split())
    other, _ = validation.validate(
        collected({"author": names, "text": list("abcd"), "alarm": ["yes", "no"] * 2}), agent, TODAY, "z"
    )
    assert other["author"].iloc[0] != rows["author"].iloc[0]


def test_quarantined_rows_are_masked_and_short(scenario):
    _, quarantine = validation.validate(
        collected({"text": ["a", "b", "mail jane@example.com " + "x " * 900], "alarm": ["yes", "no", ""]}),
        scenario(source(), max_quarantine_share=0.5),
        TODAY,
    )
    row = quarantine.iloc[0]
    assert (row["line"], row["reason"], row["detail"]) == (4, "missing-label", "no alarm")
    assert "[MAIL]" in row["row"]
    assert len(row["row"]) < 200


def test_simulated_rows_may_lie_in_the_future(scenario):
    columns = {"when": ["2030-01-01", "2030-01-02"], "text": ["a", "b"], "alarm": ["yes", "no"]}
    rows, _ = validation.validate(collected(columns), scenario({"kind": "simulation", "time": "when"}), TODAY)
    assert len(rows) == 2
    with pytest.raises(DataError, match="future-date"):
        validation.validate(collected(columns), scenario(source(time="when")), TODAY)


CELLS = st.one_of(
    st.sampled_from(["", "yes", "no", "NA", "1", "-2.5", "2026-01-01", "2031-01-01", "inf", "x"]), st.text(max_size=8)
)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_rows_and_quarantine_together_are_the_source(cells):
    agent = build_scenario(source(id="id", time="when"), {"text": "text", "n": "number"}, max_quarantine_share=1.0)
    names = ["id", "when", "text", "n", "alarm"]
    both = [("p", "2026-01-01", "fine", "1", "yes"), ("q", "2026-01-01", "fine too", "", "no")]
    data = {name: [row[index] for row in [*both, *cells]] for index, name in enumerate(names)}
    rows, quarantine = validation.validate(collected(data), agent, TODAY)
    assert sorted([*rows.index, *quarantine["line"]]) == list(range(2, len(cells) + 4))
    assert rows["row_id"].is_unique
    assert rows["time"].notna().all()
    assert np.isfinite(rows["n"].dropna()).all()
    assert (rows["text"] != "").all()
    assert (quarantine["reason"] != "").all()


def test_the_window_takes_the_days_and_then_the_earliest_rows(scenario):
    days = ["2026-01-03", "2026-01-01", "2026-01-04", "2026-01-02"]
    rows, _ = validation.validate(
        collected({"when": days, "text": list("abcd"), "alarm": ["yes", "no"] * 2}),
        scenario(source(time="when")),
        TODAY,
    )
    chosen = validation.window(rows, DataSettings(start=date(2026, 1, 2), end=date(2026, 1, 4)))
    assert sorted(chosen["text"]) == ["a", "d"]
    # rows has a least value of 200; the function itself takes any.
    assert validation.window(rows, DataSettings.model_construct(start=None, end=None, rows=2))["text"].tolist() == [
        "b",
        "d",
    ]
    with pytest.raises(DataError, match="2026-01-01 to 2026-01-04"):
        validation.window(rows, DataSettings(start=date(2027, 1, 1)))
    with pytest.raises(DataError, match=r"source\.time"):
        validation.window(rows.assign(time=pd.NaT), DataSettings(start=date(2026, 1, 1)))


@pytest.mark.parametrize(
    ("value", "decimal", "expected"),
    [
        ("1.5", ".", 1.5),
        ("1,5", ",", 1.5),
        (" 2e3 ", ".", 2000.0),
        ("-0", ".", 0.0),
        ("", ".", None),
        ("None", ".", None),
    ],
)
def test_numbers_are_read(value, decimal, expected):
    numbers, bad = parsing.numbers(pd.Series([value, "7"]), Notation(decimal))
    assert not bad.any()
    assert np.isnan(numbers[0]) if expected is None else numbers[0] == expected


@pytest.mark.parametrize(
    ("value", "decimal"), [("1,5", "."), ("1.234,5", ","), ("1.5", ","), ("inf", "."), ("x", "."), ("1 000", ".")]
)
def test_numbers_that_could_mean_two_things_are_refused(value, decimal):
    assert parsing.numbers(pd.Series([value, "7"]), Notation(decimal))[1].tolist() == [True, False]


@pytest.mark.parametrize(
    "values",
    [
        ["2026-01-02T03:04:05", None],
        ["2026-01-02 03:04:05+00:00", ""],
        [1767323045, None],
        [1767323045000, None],
        [pd.Timestamp("2026-01-02 04:04:05", tz="Europe/Berlin"), pd.NaT],
        [pd.Timestamp("2026-01-02 03:04:05"), pd.NaT],
    ],
)
def test_times_are_read_as_utc(values):
    read, missing = parsing.times(pd.Series(values))
    assert read[0] == pd.Timestamp("2026-01-02 03:04:05", tz="UTC")
    assert missing.tolist() == [False, True]


def test_a_days_order_is_not_guessed():
    assert parsing.times(pd.Series(["03/04/2026", "yesterday"]))[0].isna().all()


def test_rows_of_a_file_go_all_the_way(scenario, tmp_path):
    (tmp_path / "rows.csv").write_text("id;text;alarm\n1;eins;yes\n2;zwei;no\n3;drei\n", encoding="utf-8")
    got = sources.collect(CsvSource(kind="csv", path="rows.csv"), tmp_path, Path())
    rows, quarantine = validation.validate(got, scenario(max_quarantine_share=0.5), TODAY)
    assert len(rows) + len(quarantine) == got.origin["rows"] == 3


@pytest.mark.parametrize(
    ("positive", "values", "quoted"),
    [
        ([True], ["yes ", "YES", "No"], "yes"),
        ([False], ["no", "NO", "ok"], "no"),
        ([True], ["on", "off"], "on"),
        ([True], ["y", "n"], "y"),
    ],
)
def test_a_yes_that_yaml_has_read_as_true_is_to_be_put_in_quotation_marks(scenario, positive, values, quoted):
    made = scenario(source(), label={"column": "alarm", "positive": positive})
    rows = {"id": [f"r{n}" for n in range(30)], "text": [f"note {n}" for n in range(30)], "alarm": (values * 30)[:30]}
    with pytest.raises(DataError, match=rf'quotation marks: "{quoted}"'):
        validation.validate(collected(rows), made, TODAY)
