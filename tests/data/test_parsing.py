"""Numbers and times are read as the scenario says they are written, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from loopbook.data import parsing
from loopbook.data.parsing import Notation
from loopbook.scenario.source import CsvSource


def test_times_that_are_not_iso_are_read_by_the_first_format_that_fits() -> None:
    written = ["2026-03-07", "07.03.2026", "Mar 7, 2026", "03/07/2026 14:05", "soon", ""]
    read, missing = parsing.times(pd.Series(written), ["%d.%m.%Y", "%b %d, %Y", "%m/%d/%Y %H:%M"])
    assert read.dt.strftime("%Y-%m-%d %H:%M").tolist()[:4] == [*["2026-03-07 00:00"] * 3, "2026-03-07 14:05"]
    assert read.isna().tolist() == [False] * 4 + [True] * 2
    assert missing.tolist() == [False] * 5 + [True]


def test_times_in_no_named_format_are_not_guessed_at() -> None:
    assert parsing.times(pd.Series(["07.03.2026", "03/07/2026"]))[0].isna().all()


def test_a_named_thousands_separator_stands_before_groups_of_three_only() -> None:
    written = pd.Series(["1.234,56", "-12.345.678", "12,5", "1.23", "1234.567", "1.234"])
    values, bad = parsing.numbers(written, Notation(",", "."))
    assert bad.tolist() == [False, False, False, True, True, False]
    np.testing.assert_allclose(values[~bad], [1234.56, -12345678, 12.5, 1234])


def test_a_thousands_separator_that_nobody_named_is_refused() -> None:
    assert parsing.numbers(pd.Series(["1,234.5", "1.234,5"]))[1].all()
    assert parsing.numbers(pd.Series(["1.234,5", "1.234"]), Notation(","))[1].all()


@pytest.mark.parametrize("written", ["inf", "-inf", "1e309", "1e308", "-4e38", "Infinity", "=1+2", "1,5", "0x10"])
def test_what_models_cannot_compute_with_is_no_number(written: str) -> None:
    assert parsing.numbers(pd.Series([written, "-3e38"]))[1].tolist() == [True, False]
    if written.lstrip("-").replace("e", "").isdigit():
        assert parsing.numbers(pd.Series([float(written), -3e38, np.nan]))[1].tolist() == [True, False, False]


@pytest.mark.parametrize("form", ["%d.%m.", "%H:%M", "%Y", "%b %d", "no format", "%Q"])
def test_a_time_format_without_year_and_month_is_refused(form: str) -> None:
    with pytest.raises(ValidationError, match=r"such as '%d\.%m\.%Y %H:%M'"):
        CsvSource(kind="csv", path="x.csv", time_formats=(form,))


def test_one_mark_cannot_be_both_decimal_and_thousands() -> None:
    with pytest.raises(ValidationError, match="cannot both be ','"):
        CsvSource(kind="csv", path="x.csv", decimal=",", thousands=",")
