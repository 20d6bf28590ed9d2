"""Challenger: the champion's architecture fitted again on what has been learned since, and judged beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.data.features import Features
from loopbook.decisions import paired_gains
from loopbook.feedback import clicks, gate, promotion_conditions
from loopbook.feedback.gate import Verdict
from loopbook.feedback.learning_set import LearningSet
from loopbook.models.model import Model
from loopbook.models.shipping import serving
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.statistics import targets
from loopbook.store import content
from loopbook.store.stage import Stage


@dataclass(frozen=True, eq=False)
class Challenger:
    """A fitted challenger: folders of the champion's shipped model and its own, and the rows that it has seen.

    `looked` is the examination of places by which clicks were corrected; None: there are no lists of which it is known.
    """

    champion: Path
    model: Path
    learned: LearningSet
    validation: pd.DataFrame
    looked: pd.DataFrame | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The gate's verdict, its table, and the content digest of the challenger that it is about.

    `left_out` are the rows of the split ``gate`` that do not judge, because the challenger knows later ones of a group.
    """

    verdict: Verdict
    table: pd.DataFrame
    challenger: str
    left_out: int = 0


def fit(
    stage: Stage, champion: Path, learned: LearningSet, validation: pd.DataFrame, features: Mapping[str, Any]
) -> Challenger:
    """Fit the champion's architecture again with the same settings, so that it differs in what it has learned alone.

    In what ``feedback.recipe`` says its training differs too; with ``feedback.warm_start`` a network is the champion
    trained further, with the champion's features. Clicks on lists are corrected for position first (`clicks`).

    Parameters
    ----------
    champion
        Folder of the artifact ``champion``.
    learned
        What `learning_set.build` returned.
    features
        The artifact ``features``.
    """
    before, settings = Model.load(champion / "model"), stage.settings
    looked = clicks.looked(learned.train, stage.scenario.task)
    if looked is not None:
        said = [targets.of_yes(before.answer(rows).probability) for rows in (learned.train, validation)]
        learned, validation = clicks.taught(learned, validation, said, looked)
    start = champion / "model" if settings.warm_start and before.family == "network" else None
    encoded = before.features if start else Features.model_validate(dict(features))
    candidate, recipe = Method.of(before, stage.scenario.training)
    data = TrainingData(learned.train, validation, encoded, stage.scenario.task, start)
    found = fit_store.fit(stage, Method(candidate, recipe.changed(settings.recipe)), data)
    return Challenger(champion, found.model, learned, validation, looked)


def judge(stage: Stage, fitted: Challenger, gate_rows: pd.DataFrame) -> Comparison:
    """Compare both on rows of neither (`gate.judge`).

    These are the split ``gate``, but for groups that only the challenger was taught, and what the learning set held
    back.
    """
    champion, challenger = serving.load(fitted.champion), Model.load(fitted.model)
    before = Model.load(fitted.champion / "model")  # as it was fitted, as the challenger is: their times compare
    learned, task = fitted.learned, stage.scenario.task
    untaught = learned.untaught(gate_rows)
    parts = {"gate": untaught, "recent": learned.recent}
    old: clicks.Asked = partial(paired_gains.asked, champion, task=task, who="the champion")
    new: clicks.Asked = partial(paired_gains.asked, challenger, task=task, who="the challenger")
    ahead: gate.Ahead | None = None
    if fitted.looked is not None:
        old, new, ahead = clicks.judges(parts, old, new, fitted.looked)
    verdict, table = gate.judge(
        parts,
        old,
        new,
        task,
        stage.scenario.decisions.costs,
        learned={*learned.train["row_id"], *fitted.validation["row_id"]},
        min_gain=stage.settings.min_gain,
        protected=stage.scenario.source.protected,
        further=tuple(promotion_conditions.of_models(stage, before, challenger, learned.train)),
        ahead=ahead,
    )
    return Comparison(verdict, table, content.digest(fitted.model), len(gate_rows) - len(untaught))
