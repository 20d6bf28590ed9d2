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
        (pd.DataFrame({"text": [HOSTILE]}, index=[731]), ["&lt;script&gt;"], ["731", "<script"]),
        (pd.DataFrame({"a": [1], "b": [2], "c_d": [3], 'e"f': [4]}), ['data-label="C d"', "stacked"], ["c_d"]),
        (pd.DataFrame({"a": [1]}, index=pd.Index([2021], name="year")), ["2021"], []),
    ],
)
def test_headings_are_words_and_row_numbers_are_gone(table: pd.DataFrame, there: list[str], gone: list[str]) -> None:
    shown = readable(clean_html(table.to_html()))
    for text in there:
        assert text in shown
    for text in gone:
        assert text not in shown
