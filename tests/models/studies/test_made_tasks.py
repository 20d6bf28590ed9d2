"""Each family of techniques on the task that was made for it: real networks, trained with it and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbook.models.studies import ablation, made_tasks, outer_folds


@pytest.mark.parametrize("family", made_tasks.MADE)
def test_a_technique_of_each_family_helps_where_it_is_known_to(family: str, tmp_path: Path) -> None:
    made = made_tasks.MADE[family]
    seeds = 1 if made.architecture == "encoder" else 2  # its first step takes seconds
    rows = made.dealt(seeds)
    pair = [
        [outer_folds.measure(rows, made.fit(family, fold, tried), tmp_path, 600) for fold in range(seeds)]
        for tried in (False, True)
    ]
    assert ", helps (" in made.said(*pair), made.said(*pair)
    assert made.said(*pair[::-1]).count("does not help") == (made.least >= 0), "the check can fail"


def test_every_family_has_a_made_task_or_says_where_it_is_measured() -> None:
    families = {family for _, family, *_ in ablation.fields()} | {"architecture", "adaptation", "ensemble"}
    families |= {family for family, _ in ablation.ELSEWHERE.values()}
    assert families <= {*made_tasks.MADE, *made_tasks.ELSEWHERE}
