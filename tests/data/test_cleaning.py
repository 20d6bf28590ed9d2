"""Texts have one form, personal data is masked, and repetitions cannot leak."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loopbook.data import cleaning
from loopbook.scenario.data import DataSettings

STORY = "profit at the northern mill fell for the third time in a row and the board looks for a buyer"


def rows(texts: list[str], labels: list[int] | None = None, times: list[str] | None = None) -> pd.DataFrame:
    ids = [f"r{index}" for index in range(len(texts))]
    frame = pd.DataFrame(
        {
            "row_id": ids,
            "time": pd.to_datetime(times or [None] * len(texts), utc=True).astype("datetime64[us, UTC]"),
            "group": ids,
            "label": np.array(labels or [0] * len(texts), dtype=np.int8),
            "weight": np.ones(len(texts), dtype=np.float32),
            "text": texts,
        }
    )
    frame.index = pd.Index(range(2, len(texts) + 2), name="line")
    return frame


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  a\t\r\n b\u00a0c\u2003d ", "a b c d"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("turned \u202etxet\u202c", "turned txet"),
        ("nul\x00 bell\x07", "nul bell"),
        ("half \ud83d", "half"),
        ("👩\u200d💻 stays", "👩\u200d💻 stays"),
        ("<b onclick=x()>=HYPERLINK(1)</b>", "<b onclick=x()>=HYPERLINK(1)</b>"),
    ],
)
def test_texts_have_one_form(raw, expected):
    assert cleaning.normalise(raw) == expected


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = cleaning.normalise(text)
    assert cleaning.normalise(once) == once
    assert once == once.strip()
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")


def test_personal_data_is_masked_and_counted_by_column(scenario):
    frame = rows(["ask jane@example.com or joe@example.com", "nothing", "from 192.0.2.1"])
    frame["note"] = ["", "call +1 202-555-0143", ""]
    frame["author"] = ["anna@example.com"] * 3
    agent = scenario({"kind": "csv", "path": "x", "personal": ["author"]})
    masked, found = cleaning.mask(frame, agent)
    assert masked["text"].tolist() == ["ask [MAIL] or [MAIL]", "nothing", "from [IP]"]
    assert masked["note"].tolist() == ["", "call [PHONE]", ""]
    assert found.values.tolist() == [["text", "mail", 2, 1], ["text", "ip", 1, 1], ["note", "phone", 1, 1]]
    assert frame["text"].iloc[0].startswith("ask jane")


def test_with_masking_off_it_is_counted_and_ids_are_never_changed(scenario):
    frame = rows(["ask jane@example.com"])
    frame["row_id"] = ["joe@example.com"]
    kept, found = cleaning.mask(frame, scenario(mask_personal_data=False))
    assert kept.equals(frame)
    assert found["column"].tolist() == ["row_id", "text"]
    assert cleaning.mask(frame, scenario())[0]["row_id"].tolist() == ["joe@example.com"]


def test_repeated_texts_go_to_quarantine_by_time_not_by_position(scenario):
    frame = rows(
        [STORY, "other", STORY.upper(), STORY], [0, 0, 0, 1], ["2026-01-03", "2026-01-01", "2026-01-02", "2026-01-04"]
    )
    kept, quarantine = cleaning.deduplicate(frame, scenario())
    assert kept["row_id"].tolist() == ["r1", "r2"]
    assert quarantine[["line", "reason", "detail"]].values.tolist() == [
        [2, "duplicate-text", "the same inputs as row r2"],
        [5, "duplicate-text-other-label", "the same inputs as row r2"],
    ]


def test_near_duplicates_share_a_group_where_rows_have_none(scenario):
    frame = rows([STORY, "something else entirely", "RT " + STORY, STORY + " now"])
    kept, quarantine = cleaning.deduplicate(frame, scenario())
    assert kept["group"].tolist() == ["r0", "r1", "r0", "r0"]
    assert not len(quarantine)


@pytest.mark.parametrize(
    ("source", "data"),
    [({"group": "place"}, {}), ({"time": "when"}, {"splits": {"by": "time"}})],
)
def test_later_near_duplicates_go_to_quarantine_where_a_group_cannot_hold_them(scenario, source, data):
    frame = rows([STORY, "something else entirely", "RT " + STORY])
    kept, quarantine = cleaning.deduplicate(frame, scenario({"kind": "csv", "path": "x", **source}, **data))
    assert kept["row_id"].tolist() == ["r0", "r1"]
    assert quarantine[["line", "reason", "detail"]].values.tolist() == [
        [4, "near-duplicate", "nearly the same text as row r0"]
    ]


def test_equal_tables_stay_and_share_a_group(scenario):
    frame = rows(["a", "b", "c", "d"]).assign(n=[1.0, np.nan, 1.0, np.nan], c=["x", "y", "x", "z"])
    kept, quarantine = cleaning.deduplicate(frame, scenario(fields={"n": "number", "c": "category"}))
    assert kept["group"].tolist() == ["r0", "r1", "r0", "r3"]
    assert not len(quarantine)


def test_equal_tables_of_a_frequent_case_are_no_copies(scenario):
    numbers = [*(float(number % 12) for number in range(590)), 50, 50, 51, 51, 51, 60, 61, 62, 63, 64]
    frame = rows([str(number) for number in range(600)]).assign(n=numbers, c="x")
    kept, _ = cleaning.deduplicate(frame, scenario(fields={"n": "number", "c": "category"}))
    sizes = kept.groupby("group").size()
    assert sizes.max() == 3
    assert (sizes > 1).sum() == 2


def test_none_vanishes(scenario):
    frame = rows([STORY] * 3 + ["RT " + STORY] * 2 + ["x", "y"])
    kept, quarantine = cleaning.deduplicate(frame, scenario({"kind": "csv", "path": "x", "group": "place"}))
    assert sorted([*kept.index, *quarantine["line"]]) == list(range(2, 9))


def test_what_the_quarantine_shows_is_masked_even_if_the_data_is_not(scenario):
    _, quarantine = cleaning.deduplicate(rows(["mail jane@example.com"] * 2), scenario(mask_personal_data=False))
    assert "jane" not in quarantine.to_csv()


def test_a_repost_is_near_its_original_however_short_both_are(scenario):
    kept, _ = cleaning.deduplicate(
        rows(["mill closes", "RT @a_long_name_99: mill closes", "RT is no handle"]), scenario()
    )
    assert kept["group"].tolist() == ["r0", "r0", "r2"]


def test_a_scenario_says_which_phones_and_identity_numbers_are_masked_too(scenario):
    said = ["98765 43210 is mine", "OIB 33392005961 please", "password=hunter22!"]
    plain, _ = cleaning.mask(rows(said), scenario())
    assert plain["text"].tolist() == [*said[:2], "password=[SECRET]"]
    further, _ = cleaning.mask(rows(said), scenario(phone_regions=("IN",), identity_numbers=("hr.oib",)))
    assert further["text"].tolist() == ["[PHONE] is mine", "OIB [ID] please", "password=[SECRET]"]


@pytest.mark.parametrize(("name", "value"), [("phone_regions", "INDIA"), ("identity_numbers", "hr.oibb")])
def test_regions_and_identity_numbers_that_nobody_knows_are_refused(name, value):
    with pytest.raises(ValidationError, match=value):
        DataSettings.model_validate({name: (value,)})


@pytest.mark.parametrize("label", [pd.Categorical(["a", "b", "a"]), np.array([1.5, 2.0, 1.5])])
def test_a_repetition_with_another_class_or_number_is_said(scenario, label):
    _, aside = cleaning.deduplicate(rows([STORY] * 3).assign(label=label), scenario())
    assert aside["reason"].tolist() == ["duplicate-text-other-label", "duplicate-text"]


def test_names_of_classes_are_looked_at_and_stay(scenario):
    named = pd.Categorical(["ann@example.org", None, "ann@example.org"], categories=["ann@example.org", "rest"])
    masked, found = cleaning.mask(rows(["a", "b", "c"]).assign(label=named), scenario())
    assert found.to_dict("records") == [{"column": "label", "kind": "mail", "findings": 2, "rows": 2}]
    assert list(masked["label"].cat.categories) == ["ann@example.org", "rest"]
