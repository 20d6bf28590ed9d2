"""The head of a number: its middle and its spread, and from both a conformal predictive distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from loopbook.models.head import Floats, Head
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Loss, Task
from loopbook.statistics import conformal, targets

if TYPE_CHECKING:
    import pandas as pd

_SCALES = (-5.0, 5.0)  # a learned scale lies between exp of these, in the spread of train
_START = (0.0, 1.0)  # what the middle and the learned scale count before validation is asked
_FOLDS = 5
_THREE = (
    (0.1, -1),
    (0.5, 0),
    (0.9, 1),
)  # levels of the quantiles, and their sides of the middle


class Number(Head):
    """A quantity, on a scale where train has mean 0 and spread 1: its middle, and the logarithm of its own spread.

    The middle minimises what the task names: half the squared error, the absolute error, Huber's between the two, or
    the pinball loss of three quantiles. The spread says how far off the middle is for rows like this one. It minimises
    Laplace's likelihood of the errors, which move it and are not moved by it; with ``quantiles`` it is the distance of
    the quantiles of 10% and 90% from the middle. A network's features learn by the middle alone: sizes of errors are
    mostly chance, which features would learn. The errors of validation, each divided by its spread, are what the
    predictive distribution is made of: conformal, so that it holds what it promises whatever the true distribution.
    The spread is fitted once more on validation; there each row's is told by the other folds, as it is for a new row.

    Attributes
    ----------
    objective
        What is minimised.
    limits
        Between which the bands lie that are the classes.
    mean, spread
        Of train.
    errors
        Quantiles of the divided errors, of the levels `conformal.LEVELS`; empty: not calibrated, taken as Laplace's.
    count
        How many errors they are of.
    monotone
        Whether fields are named that may move the answer one way only; then the spread does not rise with the middle,
        so that the probability of lying above a limit keeps to them too.
    scaling
        What the middle and the learned logarithm of the spread count in the one that divides errors, and its level,
        fitted on validation: what train says may be too loud, or too soft where it was learned with caution.
    reach
        Lowest and highest of both raw scores on validation: no row's is taken to lie beyond.

    References
    ----------
    Nix & Weigend (1994), Estimating the mean and variance of the target probability distribution; Lei et al. (2018),
    Distribution-free predictive inference for regression, section 5.2: errors divided by a learned spread; Vovk (2015),
    Cross-conformal predictors.
    """

    kind = "number"
    tuned_by = "pinball"
    numeric = True
    aside = (1,)
    objective: Loss
    limits: tuple[float, ...]
    mean: float
    spread: float
    errors: tuple[float, ...] = ()
    count: int = 0
    monotone: bool = False
    scaling: tuple[float, float, float] = (*_START, 0.0)
    reach: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), _SCALES)

    @classmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        values = label.to_numpy(np.float64)
        mean = float(np.average(values, weights=weight))
        spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))
        if not spread > 0:
            raise DataError(
                f"All {len(label):,} rows of the split 'train' have the label {values[0]:g}: there is nothing to tell "
                "apart. Check task.label in the scenario, or take more data."
            )
        return cls(
            classes=targets.classes(label, task),
            name=name,
            mean=mean,
            spread=spread,
            objective=task.loss,  # type: ignore[attr-defined]
            limits=task.label.limits,  # type: ignore[attr-defined]
            monotone=bool(task.monotone),
        )

    @property
    def width(self) -> int:
        return 2

    def target(self, label: pd.Series[Any]) -> Floats:
        return (label.to_numpy(np.float64) - self.mean) / self.spread

    def risk(self, target: Floats, z: Floats) -> Floats:
        return np.asarray(self._risk(target, z, np, lambda fixed: fixed))

    def loss(self, target: Any, z: Any, tf: Any) -> Any:
        return self._risk(target, z, tf, tf.stop_gradient)

    def _risk(self, target: Any, z: Any, of: Any, fixed: Any) -> Any:
        """Return the risk by the functions of numpy or TensorFlow, which go by the same names."""
        middle, log_scale = z[:, 0], of.minimum(of.maximum(z[:, 1], _SCALES[0]), _SCALES[1])
        if self.objective == "quantiles":
            apart = [(level, target - middle - side * of.exp(log_scale)) for level, side in _THREE]
            return sum(of.maximum(level * by, (level - 1) * by) for level, by in apart)
        error = of.abs(target - middle)
        squared = of.square(error) / 2
        main = {
            "squared": squared,
            "absolute": error,
            "huber": of.where(error < 1, squared, error - 0.5),
        }[self.objective]
        return main + log_scale + fixed(error) * of.exp(-log_scale)

    def slope(self, target: Floats, z: Floats) -> Floats:
        scale, error = np.exp(z[:, 1]), target - z[:, 0]
        if self.objective == "quantiles":
            steps = [(side, (error - side * scale < 0) - level) for level, side in _THREE]
            return np.column_stack([sum(step for _, step in steps), sum(side * step * scale for side, step in steps)])
        main = {"squared": -error, "absolute": -np.sign(error), "huber": -np.clip(error, -1, 1)}[self.objective]
        return np.column_stack([main, 1 - np.abs(error) / scale])

    def calibrated(self, target: Floats, z: Floats) -> Self:
        conformal.check(len(target))
        fold, scale = np.arange(len(target)) % _FOLDS, np.empty(len(target))
        for number in range(_FOLDS):
            inside = fold == number
            scale[inside] = self._scaled(target[~inside], z[~inside])._scale(z[inside])
        errors = conformal.offsets(target, z[:, 0], scale)
        return self._scaled(target, z).model_copy(update={"errors": tuple(errors.tolist()), "count": len(target)})

    def _scaled(self, target: Floats, z: Floats) -> Self:
        """Return the head with the spread that makes errors likeliest by Laplace, one row speaking for the learned."""
        from scipy.optimize import minimize

        error, said = np.abs(target - z[:, 0]), np.column_stack([z[:, 0], np.clip(z[:, 1], *_SCALES)])
        reach = tuple(zip(said.min(axis=0).tolist(), said.max(axis=0).tolist(), strict=True))

        def misfit(counts: Floats) -> tuple[float, Floats]:
            each, moved = error * np.exp(-said @ counts) + 1e-12, counts - _START
            slope = said.mean(axis=0) - each @ said / each.sum() + 2 * moved / len(error)
            return float(np.log(each.mean()) + (said @ counts).mean() + moved @ moved / len(error)), slope

        bounds = [(0, 0) if self.monotone else (-1, 1), (0, 2)]
        counts = minimize(misfit, np.array(_START), jac=True, method="L-BFGS-B", bounds=bounds).x
        level = float(np.log((error * np.exp(-said @ counts)).mean() + 1e-12))
        return self.model_copy(update={"scaling": (*counts.tolist(), level), "reach": reach})

    @property
    def facts(self) -> dict[str, float]:
        return {"residuals": self.count}

    def values(self, z: Floats) -> Floats:
        """Return the number that is predicted, float64 [n], in the unit of the label."""
        return self.mean + self.spread * z[:, 0]

    def distribution(self, z: Floats) -> Floats:
        """Return the quantiles of each row's predictive distribution, float64 [n, 99], in the unit of the label."""
        laplace = np.log(2 * np.minimum(conformal.LEVELS, 1 - conformal.LEVELS)) * np.sign(0.5 - conformal.LEVELS)
        return conformal.quantiles(self.values(z), np.array(self.errors or laplace), self.spread * self._scale(z))

    def probabilities(self, z: Floats) -> Floats:
        return conformal.bands(self.distribution(z), self.limits)

    def judged(self, z: Floats) -> Floats:
        return self.distribution(z)

    def _ranked(self, z: Floats) -> Floats:
        return z[:, 0]

    def _scale(self, z: Floats) -> Floats:
        *counts, level = self.scaling
        return np.asarray(np.exp(np.clip(z, *np.transpose(self.reach)) @ counts + level))
