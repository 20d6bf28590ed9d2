"""Distance from what is normal: layers that say how far a row of the table is off, and the logarithm of its square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.architecture import Family

Floats = NDArray[np.float64]
ARRAYS = "distance"
TINY = 1e-12
"""Is added to the mean square, so that a row that fits exactly has a logarithm."""


@dataclass(frozen=True)
class Distance:
    """Raw score: the logarithm of the mean square of what the last layer gives.

    Attributes
    ----------
    weights, biases
        Of each layer, float64 [in, out] and [out].
    rectified
        Whether what a layer gives is cut off at 0, bool [layers].
    given_back
        Whether what the first layer gives is taken away from what the last gives: an autoencoder's error, whose first
        layer brings the table to the scale of its own rows.
    losses
        By name, of one that was just trained by gradient descent: the loss of each pass; not kept.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    rectified: NDArray[np.bool_]
    given_back: bool = False
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict, compare=False)

    family: ClassVar[Family] = "plain"

    @classmethod
    def linear(cls, weight: Floats, bias: Floats) -> Distance:
        """Return a distance of one layer."""
        return cls((weight,), (bias,), np.zeros(1, dtype=bool))

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(part.size for part in (*self.weights, *self.biases))

    @property
    def learnt(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name, for histograms."""
        return {"weights": np.concatenate([weight.ravel() for weight in self.weights])}

    def raw(self, features: Features, frame: pd.DataFrame, *_: Any) -> Floats:
        """Return the raw score of each row, float64 [n, 1]."""
        table = features.table(frame).astype(np.float64)
        states = [table]
        for weight, bias, cut in zip(self.weights, self.biases, self.rectified, strict=True):
            state = states[-1] @ weight + bias
            states.append(np.maximum(state, 0) if cut else state)
        off = states[-1] - states[1] if self.given_back else states[-1]
        return np.asarray(np.log((off**2).mean(axis=1, keepdims=True) + TINY))

    def save(self, folder: Path) -> None:
        """Write ``distance.npz`` into a folder."""
        layers = {f"weight_{at}": weight for at, weight in enumerate(self.weights)}
        layers |= {f"bias_{at}": bias for at, bias in enumerate(self.biases)}
        content.save(
            {**layers, "rectified": self.rectified, "given_back": np.array([self.given_back])}, folder / ARRAYS
        )

    @classmethod
    def load(cls, folder: Path) -> Distance:
        """Return what `save` wrote."""
        arrays = content.load(folder / f"{ARRAYS}.npz")
        layers = range(len(arrays["rectified"]))
        weights, biases = (tuple(arrays[f"{part}_{at}"] for at in layers) for part in ("weight", "bias"))
        return cls(weights, biases, arrays["rectified"], bool(arrays["given_back"][0]))
