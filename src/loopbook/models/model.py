"""A fitted model: features, predictor and heads, as one thing that answers for rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models import heads, seen_rows
from loopbook.models.answers import Answering
from loopbook.models.architecture import Family, Predictor
from loopbook.models.architectures import registry
from loopbook.models.head import Head
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.settings import Scalar
from loopbook.store import content

FORMAT = 6
DESCRIPTION, FEATURES = "model", "features"


@dataclass(frozen=True)
class Model(Answering):
    """Rows in, answers out.

    Attributes
    ----------
    architecture, settings
        As the candidate named them.
    features
        What train taught about encoding.
    predictor
        The network, or the linear model or trees of a plain baseline.
    outputs
        The heads: what the predictor's raw scores say of the label, and of each further output.
    training
        The training settings that the fit depended on, so that a challenger can differ in data alone.
    learned
        Which rows it has learned from, as `seen_rows.learned` returns it: on none of them may it be measured.
    """

    architecture: str
    features: Features
    predictor: Predictor
    outputs: tuple[Head, ...]
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    learned: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64), compare=False, repr=False)

    @property
    def family(self) -> Family:
        """``network``, ``plain`` or ``ensemble``."""
        return self.predictor.family

    @property
    def parameters(self) -> int:
        """Numbers that were learnt from train; the frozen sentence encoder's do not count."""
        return self.predictor.parameters

    def raw(
        self, frame: pd.DataFrame, cache: Path | None = None, progress: Callable[[str], object] | None = None
    ) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W].

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
            return np.zeros((0, heads.width(self.outputs)))
        return self.predictor.raw(self.features, frame, cache, progress)

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
            "outputs": heads.dump(self.outputs),
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
            heads.load(described["outputs"]),
            described["settings"],
            described["training"],
            seen_rows.load(folder),
        )
