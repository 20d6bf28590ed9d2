"""The smallest variant that surely loses no more than it may is shipped; what cannot be judged is not."""

from __future__ import annotations

from math import nan
from pathlib import Path

import pandas as pd
import pytest
from tests.models.conftest import Problem
from tests.models.shipping.test_variants import model_of, source

from loopbook.models.choice import small_models
from loopbook.models.shipping import variants
from loopbook.models.shipping.bundle import CONFIG
from loopbook.store import content


def table(**variants: tuple[float, int]) -> pd.DataFrame:
    """Return what `chosen` looks at, by variant: the most that it may have lost, and its size."""
    return pd.DataFrame.from_dict(variants, orient="index", columns=["lost_high", "bytes"])


@pytest.mark.parametrize(
    ("lost_high", "may_lose", "wanted"),
    [
        ({"int8": 0.004, "student": 0.2}, 0.01, "int8"),
        ({"int8": 0.012, "student": 0.2}, 0.01, "float32"),
        ({"int8": 0.012, "student": 0.2}, 0.3, "student"),
        ({"int8": -0.01, "student": nan}, 0.0, "int8"),
        ({"int8": nan, "student": nan}, 1.0, "float32"),
    ],
)
def test_the_smallest_that_surely_loses_little_is_chosen(
    lost_high: dict[str, float], may_lose: float, wanted: str, tmp_path: Path
) -> None:
    sizes = {"float32": 90, "int8": 23, "student": 1}
    folders = {name: tmp_path / name for name in sizes}
    for folder in folders.values():
        folder.mkdir()
        (folder / f"{CONFIG}.json").touch()
    known = {name: ({"float32": 0.0} | lost_high)[name] for name in sizes}
    board = table(**{name: (known[name], size) for name, size in sizes.items()})
    assert small_models.chosen(board, folders, may_lose) == wanted
    (folders[wanted] / f"{CONFIG}.json").unlink()
    if wanted != "float32":
        assert small_models.chosen(board, folders, may_lose) != wanted, "what Keras answers is not shipped"


def test_what_is_lost_is_paired_and_below_zero_where_it_is_better(cells: Problem, tmp_path: Path) -> None:
    whole = model_of(cells, "table_logistic")
    other = model_of(cells, "boosted_trees")
    source(cells, whole, tmp_path / "whole")
    source(cells, other, tmp_path / "other")
    folders = {"float32": tmp_path / "whole", "same": tmp_path / "whole", "other": tmp_path / "other"}
    found = small_models.lost(folders, cells.validation, cells.task, 100)
    turned = small_models.lost(folders | {"float32": tmp_path / "other"}, cells.validation, cells.task, 100)
    assert list(found.loc["same", ["lost", "lost_low", "lost_high"]]) == [0, 0, 0]
    assert found.loc["other", "lost"] == pytest.approx(found.roc_auc["float32"] - found.roc_auc["other"])
    assert found.loc["other", "lost"] == pytest.approx(-turned.loc["same", "lost"])
    assert found.loc["other", "bytes"] == content.size(tmp_path / "other")
    assert variants.FLOAT32 == "float32"
