"""Tables of notebooks as people read them."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.reports.conftest import HOSTILE

from loopbook.reports.notebook_tables import readable
from loopbook.reports.security import clean_html


@pytest.mark.parametrize(
    ("table", "there", "gone"),
    [
        (pd.DataFrame({"review_share": [0.1, 0.2]}), ["Review share"], ["review_share", ">0<", ">1<"]),
        (pd.DataFrame({"cost": [1.5]}, index=pd.Index(["always"], name="policy")), ["always", "1.5"], []),
        (
            pd.DataFrame({"f1": [1.0]}, index=pd.Index(["card_arrival"], name="class")),
            [">card_arrival<"],
            ["Card arrival"],
        ),
        (pd.DataFrame({"value": [1.0]}, index=pd.Index(["log_loss"], name="metric")), [">Log loss<"], ["log_loss"]),
        (pd.DataFrame({"text": [HOSTILE]}, index=[731]), ["&lt;script&gt;"], ["731", "<script"]),
        (pd.DataFrame({"a": [1], "b": [2], "c_d": [3], 'e"f': [4]}), ['data-label="C d"', "stacked"], ["c_d"]),
        (pd.DataFrame({"a": [1]}, index=pd.Index([2021], name="year")), ["2021"], []),
        (pd.DataFrame({"cost": [None, 1.5]}), ["<td", ">–<", ">Cost<"], ["NaN", ">cost<"]),
        (
            pd.DataFrame({"cost": [0.310041, 1039.683, 1.2e-05, -0.0, 0.9999]}, dtype=object),
            [">0.31<", ">1,040<", ">0.000012<", ">0<", ">1<"],
            ["0.310", "e-05", "-0"],
        ),
        (
            pd.DataFrame({"p": ["0.000000", "3e-12", "3.0e-09", "2026.04.15", "12e5"]}),
            [">0<", ">&lt; 0.000001<", ">0.000000003<", ">2026.04.15<", ">12e5<"],
            ["e-12", "e-09"],
        ),
        (
            pd.DataFrame(
                {
                    "cost": [1.5, 2.0],
                    "low": [1.0, None],
                    "high": [2.0, None],
                    "gain": 0.25,
                    "gain_low": -0.5,
                    "gain_high": 1.0,
                }
            ),
            [
                "1.5<br><small>1 to 2</small>",
                ">2<",
                "Gain<br><small>low to high</small>",
                "0.25<br><small>-0.5 to 1</small>",
                'data-label="Gain"',
            ],
            ["Gain low", ">Low<", ">High<"],
        ),
        (
            pd.DataFrame({"auc": [1.0, 0.9], "low": [1.0, 0.8], "high": [1.0, 0.95]}),
            [">1<", "0.9<br><small>0.8 to 0.95</small>"],
            ["1 to 1"],
        ),
        (pd.DataFrame({"size_bytes": [4656]}), [">Size (bytes)<"], ["Size size"]),
        (pd.DataFrame({"name": ["a"], "low": [1.0], "high": [2.0], "x_high": 1}), [">Low<", ">High<", "X high"], []),
        (
            pd.DataFrame({"mixed": ["none", "28592", None], "number": [1, 2, 3]}),
            ['<td data-label="Mixed">28592', '<td class="n" data-label="Number">3'],
            [],
        ),
        (pd.DataFrame({"time": pd.to_datetime(["2026-04-06 10:01:56Z"])}), ["2026-04-06 10:01:56 UTC"], ["+00:00"]),
    ],
)
def test_headings_are_words_and_row_numbers_are_gone(table: pd.DataFrame, there: list[str], gone: list[str]) -> None:
    shown = readable(clean_html(table.to_html()))
    for text in there:
        assert text in shown
    for text in gone:
        assert text not in shown


@pytest.mark.parametrize(
    ("table", "summary"),
    [
        (pd.DataFrame({"cost": [1.5] * 3, "low": [1.0] * 3}), None),
        (pd.DataFrame({"cost": [1.5] * 60}), "60 rows: Cost"),
        (
            pd.DataFrame({f"m{at}_x": [0.5] * 4 for at in range(16)}).iloc[:, :16],
            "4 rows: M0 x, M1 x, M2 x, M3 x …</summary>",
        ),
        (pd.DataFrame({"reasons": ["The probability is at or above the threshold. " * 9] * 3}), "3 rows: Reasons"),
        (pd.DataFrame({HOSTILE: [1.5] * 60}), "60 rows: "),
    ],
)
def test_a_long_table_is_folded_under_a_line_that_says_what_it_holds(table: pd.DataFrame, summary: str | None) -> None:
    with pd.option_context("display.max_colwidth", None):
        shown = readable(clean_html(table.to_html(max_rows=None)))
    assert ("<details" in shown) == (summary is not None)
    if summary is not None:
        assert shown.startswith(f'<details class="long"><summary>{summary}')
        assert shown.endswith("</div></details>")
    assert "<script" not in shown
