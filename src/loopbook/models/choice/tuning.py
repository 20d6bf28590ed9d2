"""A small search for better settings: every trial is one fit, made and kept by whoever asks for the search."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from loopbook.models.architectures import registry
from loopbook.models.training.method import Method
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.scenario.optimization import SearchRange
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.settings import Scalar

Settings = dict[str, Scalar]
TRAINING = tuple(name for name in Recipe.model_fields if name not in ("seed", "epochs", "patience"))
"""Settings of training that a search may vary; all others are arguments of the architecture."""


def search(
    candidate: Candidate,
    ranges: Mapping[str, SearchRange],
    trials: int,
    seed: int,
    fit_once: Callable[[Settings], float],
    progress: Callable[[str], object] = lambda text: None,
) -> tuple[pd.DataFrame, Settings]:
    """Try settings one after another; each choice rests on the scores so far.

    Parameters
    ----------
    candidate
        What is varied; ranges that its architecture does not know are left out.
    ranges
        What may be tried, by the setting's name.
    trials
        How many settings to try, at least one.
    seed
        Equal seeds and scores give equal choices, so a search that was killed is repeated exactly: with a `fit_once`
        that keeps its fits, only the unfinished one costs time.
    fit_once
        Fits with the settings and returns the score, such as the validation's log loss; smaller is better.
    progress
        Told which trial it is.

    Returns
    -------
    trials
        A row a trial: ``trial``, ``score``, and the settings tried; the smallest score is the best.
    best
        The settings of the best trial.

    Raises
    ------
    ScenarioError
        If the candidate knows none of the ranges.

    References
    ----------
    Bergstra et al. (2011), Algorithms for hyper-parameter optimization: the tree-structured Parzen estimator.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = suited(candidate, ranges)
    names = sorted(ranges)
    # The first third is drawn at random, so that there is something to learn from.
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, trials // 3))
    study = optuna.create_study(sampler=sampler, direction="minimize")
    rows: list[dict[str, Any]] = []
    for at in range(1, trials + 1):
        progress(f"trial {at} of {trials}")
        trial = study.ask()
        tried = {name: _suggested(trial, name, ranges[name], _whole(candidate, name)) for name in names}
        score = float(fit_once(tried))
        study.tell(trial, score)
        rows.append({"trial": at, "score": score, **tried})
    best = min(rows, key=lambda row: row["score"])
    return pd.DataFrame(rows), {name: best[name] for name in names}


def applied(method: Method, tried: Mapping[str, Scalar]) -> Method:
    """Return a method with what a trial tries."""
    own = {name: value for name, value in tried.items() if name not in TRAINING}
    training = {name: value for name, value in tried.items() if name in TRAINING}
    settings = {**method.candidate.settings, **own}
    recipe = {**method.recipe.model_dump(include=set(Recipe.model_fields)), **training}
    return Method(Candidate(architecture=method.candidate.architecture, settings=settings), Recipe(**recipe))


def suited(candidate: Candidate, ranges: Mapping[str, SearchRange]) -> dict[str, SearchRange]:
    """Return the ranges that a candidate knows: those of training, and those of its architecture's arguments.

    Raises
    ------
    ScenarioError
        If there are ranges and none of them means anything to it.
    """
    known = registry.described(candidate.architecture).settings
    found = {name: span for name, span in ranges.items() if name in TRAINING or name in known or "**" in known}
    if ranges and not found:
        first = next(iter(ranges))
        raise ScenarioError(
            f"optimization.search varies {', '.join(ranges)}, which {candidate.architecture!r} does not have."
            f"{suggest(first, [*TRAINING, *known])}"
        )
    return found


def _suggested(trial: Any, name: str, span: SearchRange, whole: bool) -> Scalar:
    if span.choices:
        chosen: Scalar = trial.suggest_categorical(name, list(span.choices))
        return chosen
    low, high = span.low, span.high
    assert low is not None and high is not None  # the contract demands both where there are no choices
    if whole:
        return int(trial.suggest_int(name, math.ceil(low), math.floor(high), log=span.log))
    return float(trial.suggest_float(name, low, high, log=span.log))


def _whole(candidate: Candidate, name: str) -> bool:
    """Say whether a setting is a whole number: a layer has no 33.7 units."""
    kind = registry.described(candidate.architecture).settings.get(name)
    return name == "batch_size" or kind is int or getattr(kind, "__origin__", None) is int
