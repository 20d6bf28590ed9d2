"""A row has the same hash in every round, and another one than every other row."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from tests.data.conftest import build_scenario

from loopbook.data import cleaning, identity

TEXTS = st.lists(st.text(max_size=6), min_size=1, max_size=12)


def expected(value: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), "big")


def test_the_hash_of_a_text_is_that_of_its_inputs_in_lower_case() -> None:
    rows = pd.DataFrame({"row_id": ["a", "b"], "text": ["Straße Ü", "STRASSE Ü"], "size": [1, 1.0]})
    found = identity.hashes(rows, ["text"], ["size"])
    assert found.dtype == np.uint64
    assert found.tolist() == [expected((None, ("strasse ü", 1.0)))] * 2


def test_equal_tables_are_the_same_row_only_with_the_same_id() -> None:
    rows = pd.DataFrame({"row_id": ["a", "b", "a"], "size": [2.0, 2.0, 2.0], "kind": ["Post", "Post", "post"]})
    found = identity.hashes(rows, [], ["size", "kind"]).tolist()
    assert found[0] == found[2] == expected(("a", (2.0, "post")))
    assert found[1] == expected(("b", (2.0, "post")))


def test_how_a_number_and_what_is_missing_are_kept_makes_no_difference(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": ["a", "b", "c"], "size": [-0.0, np.nan, 3.0], "kind": ["x", None, "z"]})
    rows.astype({"size": "float32"}).to_parquet(tmp_path / "rows.parquet")
    fields = ["size", "kind"]
    for other in (pd.read_parquet(tmp_path / "rows.parquet"), rows.assign(size=[0, None, 3], kind=["x", np.nan, "z"])):
        assert identity.hashes(other, ["text"], fields).tolist() == identity.hashes(rows, ["text"], fields).tolist()


def test_half_a_surrogate_pair_has_a_hash() -> None:
    assert len(identity.hashes(pd.DataFrame({"text": pd.Series(["\ud800 x", "x"], dtype=object)}), ["text"])) == 2


@given(TEXTS)
def test_two_rows_have_one_hash_exactly_if_deduplication_takes_them_for_one(texts: list[str]) -> None:
    rows = pd.DataFrame({"text": pd.Series(texts, dtype=object)})
    folded = [text.casefold() for text in texts]
    assert len(set(identity.hashes(rows, ["text"]).tolist())) == len(set(folded))
    assert identity.inputs(rows, ["text"]) == [(each,) for each in folded]


def test_rows_that_lack_the_same_number_are_the_same_inputs_to_deduplication() -> None:
    agent = build_scenario(fields={"size": "number"})
    rows = pd.DataFrame({"row_id": ["a", "b", "c"], "group": ["a", "b", "c"], "size": [np.nan, np.nan, 1.0]})
    rows = rows.assign(time=pd.NaT, label=np.int8(0), weight=np.float32(1))
    kept, _ = cleaning.deduplicate(rows, agent)
    assert kept["group"].tolist() == ["a", "a", "c"]
