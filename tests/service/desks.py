"""A support desk for tests of the service: the authored questions, learned by words, and the desk's own parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.service.serving import SCENARIOS
from tests.service.serving import scenario as loaded

from loopbook.desk.desk import Desk
from loopbook.models.answers import Answers
from loopbook.scenario.contract import Scenario

ROOT = SCENARIOS.parents[1]
SURE, UNSURE, FAR = "I lost my card", "card", "how long do I boil an egg for it to stay soft"


@dataclass(frozen=True)
class Words:
    """Logistic regression on TF-IDF of the authored questions: a second of training, and no MiniLM."""

    fitted: Any
    features: None = None
    learned: None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.fitted.classes_)

    def answer(self, frame: pd.DataFrame, *_: object) -> Answers:
        return Answers(self.fitted.predict_proba(frame["text"].to_numpy()), self.classes)


@cache
def desk() -> Desk:
    """Return the desk of the authored set."""
    table = pd.read_csv(SCENARIOS / "desk" / "questions.csv")
    fitted = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=30))
    fitted.fit(table["text"].to_numpy(), table["intent"].to_numpy())
    return Desk.of(scenario(), Words(fitted), ROOT)  # type: ignore[arg-type]


def scenario(**settings: Any) -> Scenario:
    """Return the scenario of the authored set, with other settings of its service."""
    return loaded("support-desk", **settings)
