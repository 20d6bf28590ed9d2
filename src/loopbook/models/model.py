"""A fitted model: features, network or linear model, and the temperature, as one thing that answers for rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models import seen_rows
from loopbook.models.architecture import Family, Predictor
from loopbook.models.architectures import registry
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.settings import Scalar
from loopbook.statistics import targets
from loopbook.statistics.scores import sigmoid
from loopbook.store import content

FORMAT = 4
DESCRIPTION, FEATURES = "model", "features"


@dataclass(frozen=True)
class Model:
    """Rows in, probabilities out.

    Attributes
    ----------
    architecture, settings
        As the candidate named them.
    features
        What train taught about encoding.
    predictor
        The network, or the linear model or trees of a plain baseline.
    training
        The training settings that the fit depended on, so that a challenger can differ in data alone.
    temperature
        Divides the logit; fitted on validation.
    offset
        Is subtracted from the logit before: what weights of rows and classes had added to it.
    learned
        Which rows it has learned from, as `seen_rows.learned` returns it: on none of them may it be measured.
    """

    architecture: str
    features: Features
    predictor: Predictor
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    offset: float = 0.0
    learned: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64), compare=False, repr=False)

    @property
    def family(self) -> Family:
        """``network`` or ``plain``."""
        return self.predictor.family

    @property
    def parameters(self) -> int:
        """Numbers that were learnt from train; the frozen sentence encoder's do not count."""
        return self.predictor.parameters

    def logits(
        self, frame: pd.DataFrame, cache: Path | None = None, progress: Callable[[str], object] | None = None
    ) -> NDArray[np.float64]:
        """Return the logit of each row before the temperature, float64 [n].

        Parameters
        ----------
        frame
            Rows with the task's input fields.
        cache
            Folder of sentence embeddings that are known already.
        progress
            Told how far the sentence encoder is.
        """
        if not len(frame):
            return np.zeros(0)
        return self.predictor.logits(self.features, frame, cache, progress) - self.offset

    def probabilities(
        self, frame: pd.DataFrame, cache: Path | None = None, progress: Callable[[str], object] | None = None
    ) -> NDArray[np.float64]:
        """Return the calibrated probability of each class for each row, float64 [n, k]."""
        return targets.by_class(sigmoid(self.logits(frame, cache, progress) / self.temperature))

    def save(self, folder: Path) -> None:
        """Write ``model.json``, ``features.json``, ``learned.npz`` and the predictor; the description last."""
        self.predictor.save(folder)
        seen_rows.save(self.learned, folder)
        content.save(self.features.model_dump(mode="json"), folder / FEATURES)
        described = {
            "format": FORMAT,
            "architecture": self.architecture,
            "family": self.family,
            "settings": dict(self.settings),
            "training": dict(self.training),
            "parameters": self.parameters,
            "temperature": self.temperature,
            "offset": self.offset,
        }
        content.save(described, folder / DESCRIPTION)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote; nothing is fitted again.

        Raises
        ------
        LoopbookError
            If the folder holds no model, or one of another version.
        """
        file = folder / f"{DESCRIPTION}.json"
        if not file.is_file():
            raise LoopbookError(f"{folder} holds no model: {file.name} is missing.")
        described = content.load(file)
        if described.get("format") != FORMAT:
            raise LoopbookError(
                f"{file}: format {described.get('format')!r} is not {FORMAT}, which this version reads. Train it "
                "again; if an earlier round has approved it, go back a round: python -m loopbook approve --undo."
            )
        architecture = str(described["architecture"])
        return cls(
            architecture,
            Features.model_validate(content.load(folder / f"{FEATURES}.json")),
            registry.find(architecture).form.load(folder),
            described["settings"],
            described["training"],
            float(described["temperature"]),
            float(described["offset"]),
            seen_rows.load(folder),
        )
