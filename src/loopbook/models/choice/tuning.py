"""Search spaces: what a search may vary of a candidate, and the settings that it tries."""

import math
from collections.abc import Mapping

import numpy as np

from loopbook.models.architectures import registry
from loopbook.models.training.method import PLAIN, Method
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.scenario.optimization import SearchRange
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.settings import Scalar

Settings = dict[str, Scalar]
TRAINING = tuple(name for name in Recipe.model_fields if name not in ("seed", "epochs", "patience", "workers"))
"""Settings of training that a search may vary; all others are arguments of the architecture."""


def drawn(candidate: Candidate, ranges: Mapping[str, SearchRange], trials: int, seed: int) -> list[Settings]:
    """Return the settings of each trial: a scrambled Sobol sequence over the ranges.

    A trial's settings hang on the seed and its number alone, not on how others ended: a search may be stopped, be
    made longer and be done by any number of processes, and tries the same.

    Parameters
    ----------
    ranges
        As `suited` returns them.

    References
    ----------
    Bergstra & Bengio (2012), Random search for hyper-parameter optimization, which finds such sequences to do at least
    as well; Owen (1998), Scrambling Sobol and Niederreiter-Xing points.
    """
    from scipy.stats import qmc

    names = sorted(ranges)
    points = qmc.Sobol(len(names), rng=np.random.default_rng(seed)).random_base2(max(1, (trials - 1).bit_length()))
    return [
        {name: _at(ranges[name], float(u), _whole(candidate, name)) for name, u in zip(names, point, strict=True)}
        for point in points[:trials]
    ]


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
        If there are ranges and none of them means anything to a network; a plain baseline may have none.
    """
    kind = registry.described(candidate.architecture)
    known, training = kind.settings, PLAIN if kind.family == "plain" else TRAINING
    found = {name: span for name, span in ranges.items() if name in training or name in known or "**" in known}
    if ranges and not found and kind.family == "network":
        first = next(iter(ranges))
        raise ScenarioError(
            f"optimization.search varies {', '.join(ranges)}, which {candidate.architecture!r} does not have."
            f"{suggest(first, [*TRAINING, *known])}"
        )
    return found


def _at(span: SearchRange, share: float, whole: bool) -> Scalar:
    """Return what lies at a share of a range, in [0, 1)."""
    if span.choices:
        return span.choices[int(share * len(span.choices))]
    low, high = span.low, span.high
    assert low is not None and high is not None  # the contract demands both where there are no choices
    if whole:
        low, high = math.ceil(low), math.floor(high) + 1 - 1e-9
    value = low * (high / low) ** share if span.log else low + share * (high - low)
    return math.floor(value) if whole else float(value)


def _whole(candidate: Candidate, name: str) -> bool:
    """Say whether a setting is a whole number: a layer has no 33.7 units."""
    kind = registry.described(candidate.architecture).settings.get(name)
    return name in _WHOLE or kind is int or getattr(kind, "__origin__", None) is int


_WHOLE = tuple(name for name, field in Recipe.model_fields.items() if field.annotation is int)
