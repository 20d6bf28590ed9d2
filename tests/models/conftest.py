"""Small splits of made-up text and numbers, and features fitted on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.data.features import Features
from loopbook.models import heads
from loopbook.models.head import Head
from loopbook.models.heads import Goal
from loopbook.models.training import runtime
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary, Multiclass, Number, OneOfMany, Quantity, YesNo
from loopbook.scenario.training import TrainingSettings

GOOD = ["growth", "profit", "record", "award", "hired", "opened", "rising", "strong", "praised", "gain"]
BAD = ["fraud", "loss", "lawsuit", "fire", "strike", "recall", "fined", "debt", "falling", "weak"]
FILL = [
    "the",
    "a",
    "company",
    "shares",
    "today",
    "said",
    "market",
    "plant",
    "report",
    "of",
    "in",
    "on",
    "for",
    "and",
    "with",
    "new",
]


def sentences(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Return texts of 3 to 14 words, where 'not' turns the word behind it round, and their labels."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(rows):
        bad, turned = random.random(2) < (0.4, 0.3)
        word = str(random.choice(BAD if bad != turned else GOOD))
        words = [str(word) for word in random.choice(FILL, random.integers(2, 13))]
        words.insert(int(random.integers(len(words) + 1)), f"not {word}" if turned else word)
        texts.append(" ".join(words) + "!" * int(random.integers(2)))
        labels.append(int(bad))
    return texts, np.array(labels)


def frame(rows: int, seed: int, table: bool = False) -> pd.DataFrame:
    """Return a split in canonical form."""
    texts, labels = sentences(rows, seed)
    random = np.random.default_rng(seed + 1000)
    columns = {
        "row_id": [f"{seed}-{at}" for at in range(rows)],
        "time": pd.NaT,
        "group": [f"{seed}-{at // 3}" for at in range(rows)],
        "label": labels.astype(np.int8),
        "weight": np.where(random.random(rows) < 0.2, 0.5, 1.0).astype(np.float32),
        "text": texts,
    }
    if table:
        columns["size"] = labels * 0.8 + random.normal(size=rows)
        columns["kind"] = np.where(random.random(rows) < 0.5, "post", "")
    return pd.DataFrame(columns)


LOSSES = ("squared", "absolute", "huber", "quantiles")
ANY = {"x": "number"}


def classes_task(fields: dict[str, str] | None = None, **also: OneOfMany) -> Multiclass:
    """Return a task of several classes, and of further outputs."""
    return Multiclass(type="multiclass", fields=fields or ANY, label=OneOfMany(column="y"), also=also)  # type: ignore[arg-type]


def number_task(loss: str, fields: dict[str, str] | None = None) -> Number:
    """Return a task of a number."""
    label = Quantity(column="y", limits=(30.0, 50.0), unit="min")
    return Number(type="number", fields=fields or ANY, label=label, loss=loss)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Problem:
    """Two splits, features and task."""

    train: pd.DataFrame
    validation: pd.DataFrame
    features: Features
    task: Binary


def problem(fields: dict, train: pd.DataFrame, validation: pd.DataFrame, length: int = 16) -> Problem:
    """Return a problem on the named fields."""
    scenario = Scenario(
        name="test",
        title="Test",
        description="Test.",
        task=Binary(fields=fields, label=YesNo(column="y", positive=(1,), names=("good", "bad"))),
        source=CsvSource(kind="csv", path="none.csv"),
        data=DataSettings(sequence_length=length, vocabulary_size=200),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )
    return Problem(train, validation, Features.fit(train, scenario), scenario.task)


@pytest.fixture(scope="session")
def text() -> Problem:
    return problem({"text": "text"}, frame(400, 1), frame(150, 2))


@pytest.fixture(scope="session")
def mixed() -> Problem:
    fields = {"text": "text", "size": "number", "kind": "category"}
    return problem(fields, frame(200, 3, table=True), frame(80, 4, table=True))


@pytest.fixture(scope="session")
def cells() -> Problem:
    """Return real measurements of cells, with which scikit-learn comes: 569 rows, 30 numbers."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    rows = x.assign(row_id=[f"c{at}" for at in range(len(x))], label=y.astype(np.int8), weight=np.float32(1))
    rows = rows.assign(group=rows["row_id"], time=pd.NaT).sample(frac=1, random_state=0, ignore_index=True)
    return problem(dict.fromkeys(x, "number"), rows[:400], rows[400:].reset_index(drop=True))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a preset as keras-hub keeps it: a BERT of two layers, untrained, and its word pieces."""
    runtime.prepare(1)
    import keras_hub

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "!", "not", "##s", *FILL, *GOOD, *BAD]
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(words), num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32
    )
    backbone.save_to_preset(folder)
    (folder / "assets" / "tokenizer").mkdir(parents=True)
    (folder / "assets" / "tokenizer" / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8")
    return str(folder)


def goals(problem: Problem, weight: np.ndarray | None = None) -> tuple[Goal, ...]:
    """Return what the heads are to learn of train."""
    weight = problem.train["weight"].to_numpy(np.float64) if weight is None else weight
    return tuple(Goal.on(head, problem.train, weight) for head in heads.learn(problem.train, weight, problem.task))


def heads_of(problem: Problem) -> tuple[Head, ...]:
    """Return the heads of a problem, not calibrated."""
    return tuple(goal.head for goal in goals(problem))


def settings(**changed: object) -> TrainingSettings:
    """Return training settings for a short fit."""
    values = {"epochs": 3, "patience": 2, "batch_size": 32, "learning_rate": 0.01, "seed": 5, **changed}
    return TrainingSettings(candidates={"any": Candidate(architecture="majority")}, **values)


def silent(text: str) -> None:
    """Report nothing."""


@pytest.fixture
def users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a module with a user's own architectures; tests write into it."""
    folder = tmp_path / "users"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder / f"users_{tmp_path.name.replace('-', '_')}.py"
