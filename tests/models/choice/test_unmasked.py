"""What masking costs: the same method on masked and on unmasked texts, of which nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loopbook.data import cleaning, sources, validation
from loopbook.data.features import Features
from loopbook.models.choice import unmasked
from loopbook.models.choice.unmasked import ALL, CHANGED
from loopbook.models.model import Model
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.store.project import Project
from loopbook.store.stage import Stage

SECRET = "zebra"


def texts(telling: bool) -> pd.DataFrame:
    """Return rows of which 40 in 100 name a mail address; where it is `telling`, its name gives the label away."""
    random = np.random.default_rng(3)
    labels = (random.random(400) < 0.5).astype(int)
    names = [SECRET if label else "walrus" for label in labels]
    said = [" ".join(random.choice(["one", "two", "three", "four", "five", "six"], 5)) for _ in labels]
    mailed = telling & (random.random(400) < 0.4)
    own = [f"{name}@x{at}.example.org" for at, name in enumerate(names)]
    told = [mail if mails else "none" for mail, mails in zip(own, mailed, strict=True)]
    ended = [f"{text} {end} {at}" for at, (text, end) in enumerate(zip(said, told, strict=True))]
    return pd.DataFrame({"id": range(400), "text": ended, "y": labels})


@pytest.fixture
def measured(project: Project) -> Callable[..., unmasked.MaskingCost]:
    """Return what measures a csv file with the words' counts for a champion."""

    def measure(rows: pd.DataFrame, masked: bool = True, wanted: bool = True) -> unmasked.MaskingCost:
        rows.to_csv(project.root / "posts.csv", index=False)
        scenario = Scenario(
            name="posts",
            title="Posts",
            description="Posts.",
            task=Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,))),
            source=CsvSource(kind="csv", path="posts.csv", id="id"),
            data=DataSettings(mask_personal_data=masked),
            training=TrainingSettings(candidates={"any": Candidate(architecture="tfidf")}, bootstrap=100),
        )
        real = Stage.open("03_training", {"scenario": "tiny", "profile": "standard", "candidate": "one"})
        stage = SimpleNamespace(
            settings=SimpleNamespace(masking_cost=wanted),
            scenario=scenario,
            project=real.project,
            progress=lambda text: None,
            cached=real.cached,
        )
        collected = sources.collect(scenario.source, project.root, project.raw)
        valid, _ = validation.validate(collected, scenario, date(2026, 1, 1))
        seen, _ = cleaning.mask(valid, scenario)
        train, held, test = seen.iloc[:200], seen.iloc[200:260], seen.iloc[260:].reset_index(drop=True)
        data = TrainingData(train, held, Features.fit(train, scenario), scenario.task)
        method = Method(Candidate(architecture="tfidf"), scenario.training)
        champion = Model.load(fit_store.fit(stage, method, data).model)
        return unmasked.measure(stage, {"champion": champion, "again": champion}, data, test)

    return measure


def test_what_a_mail_address_gives_away_is_lost_and_no_trace_of_it_is_kept(
    measured: Callable[..., unmasked.MaskingCost],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    found = measured(texts(telling=True))
    assert all(30 < 100 * found.changed[split] / rows < 50 for split, rows in (("train", 200), ("test", 140)))
    table = found.table.loc["champion"]
    assert table.loc[ALL, "low"] > 0.1 and table.loc[ALL, "rows"] == 140
    assert table.loc[CHANGED, "unmasked"] > 0.95 and table.loc[CHANGED, "rows"] == found.changed["test"]
    assert found.figures["masking_cost"] == pytest.approx(table.loc[ALL, "unmasked"] - table.loc[ALL, "masked"])
    assert found.figures["baseline_masking_cost"] == found.figures["masking_cost"], "one method, one seed"
    assert not list((tmp_path / "own").iterdir())
    files = [path for path in project.root.rglob("*") if path.is_file() and path.name != "posts.csv"]
    assert len(files) > 10 and not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_where_no_text_was_changed_it_costs_nothing_and_nothing_is_fitted(
    measured: Callable[..., unmasked.MaskingCost], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(texts(telling=False))
    assert found.table.empty and "costs nothing" in str(found.shown)
    assert found.figures["masking_cost"] == 0 and found.figures["masking_changed_test"] == 0


@pytest.mark.parametrize(
    ("switches", "said"),
    [({"masked": False}, "data.mask_personal_data is off"), ({"wanted": False}, "optimization.masking_cost is off")],
)
def test_what_is_not_measured_says_why_and_records_no_figure(
    measured: Callable[..., unmasked.MaskingCost], switches: dict[str, bool], said: str
) -> None:
    found = measured(texts(telling=True), **switches)
    assert said in str(found.shown) and found.figures == {}
