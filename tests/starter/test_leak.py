"""A column that tells the label all by itself is suspected, whatever its kind; a good input is not."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from loopbook.starter import leak
from tests.starter.conftest import columns, draft

DRAW = random.Random(1)
TRUTH = np.array([DRAW.random() < 0.3 for _ in range(400)])
NOISE = [DRAW.random() for _ in TRUTH]


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (["refused" if yes else DRAW.choice(["paid", "open"]) for yes in TRUTH], "each of its values"),
        ([100 + noise if yes else noise for yes, noise in zip(TRUTH, NOISE, strict=True)], "one limit"),
        ([-noise if yes else 9 + noise for yes, noise in zip(TRUTH, NOISE, strict=True)], "one limit"),
        ([7 if yes else 3 for yes in TRUTH], "each of its values"),
        ([noise if yes else "" for yes, noise in zip(TRUTH, NOISE, strict=True)], "whether it has a value"),
        (
            [
                f"case number {noise} was {'closed' if yes else 'left'} by us"
                for yes, noise in zip(TRUTH, NOISE, strict=True)
            ],
            "' alone tells the label",
        ),
    ],
)
def test_leaks_are_suspected(values: Sequence[object], how: str) -> None:
    assert how in leak.suspect(columns({"x": values})[0], TRUTH, np.ones(len(TRUTH), dtype=bool))


@pytest.mark.parametrize(
    "values",
    [
        ["refused" if yes and noise < 0.85 else "paid" for yes, noise in zip(TRUTH, NOISE, strict=True)],
        [3 * yes + 4 * noise for yes, noise in zip(TRUTH, NOISE, strict=True)],
        [f"level {number}" for number in range(len(TRUTH))],
        [
            f"{noise} {'bad' if yes and noise < 0.85 else 'fine'} thing in town"
            for yes, noise in zip(TRUTH, NOISE, strict=True)
        ],
    ],
)
def test_good_inputs_and_keys_are_not(values: Sequence[object]) -> None:
    assert leak.suspect(columns({"x": values})[0], TRUTH, np.ones(len(TRUTH), dtype=bool)) == ""


@pytest.mark.parametrize(("count", "suspected"), [(100, True), (14, True), (6, False)])
def test_a_label_beside_the_label_is_suspected_and_a_few_rows_are_not(count: int, suspected: bool) -> None:
    marked = np.zeros(len(TRUTH), dtype=int)
    marked[np.flatnonzero(TRUTH)[:count]] = 1
    table = {"toxic": TRUTH.astype(int).tolist(), "insult": marked.tolist(), "length": NOISE}
    assert ("insult" in draft(table, "toxic").roles.leaks) == suspected
    assert "insult" in draft(table | {"insult": ["mild" if mark else "none" for mark in marked]}, "toxic").roles.fields
    marked[np.flatnonzero(~TRUTH)[0]] = 1
    assert "insult" in draft(table | {"insult": marked.tolist()}, "toxic").roles.fields


def test_rows_without_a_label_do_not_count() -> None:
    values = ["a" if yes else "b" for yes in TRUTH]
    labelled = np.arange(len(TRUTH)) >= 50
    values[:50] = ["b" if yes else "a" for yes in TRUTH[:50]]
    assert leak.suspect(columns({"x": values})[0], TRUTH & labelled, labelled)


def test_of_several_classes_a_leak_tells_them_all_and_an_input_may_part_one() -> None:
    of = np.arange(600) % 3
    told, labelled = [of == code for code in range(3)], np.ones(600, dtype=bool)
    inputs = {
        "limit": [10 * (code == 2) + DRAW.random() for code in of],
        "words": [f"word{code} and {DRAW.random()} more of that" for code in of],
        "noise": [DRAW.choice("ab") for _ in of],
    }
    leaks = {"copy": [f"is {code}" for code in of], "filled": ["why" if code == 1 else "" for code in of]}
    for name, values in (inputs | leaks).items():
        assert bool(leak.tells(columns({name: values})[0], told, labelled)) is (name in leaks), name
