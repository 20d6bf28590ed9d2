"""Let a shipped model answer, without TensorFlow where it was exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loopbook.models import seen_rows
from loopbook.models.seen_rows import Learner
from loopbook.models.shipping.bundle import CONFIG, OnnxModel

if TYPE_CHECKING:
    from loopbook.models.model import Model


def load(folder: Path) -> Learner:
    """Return what gives the probabilities of a shipped model: its ONNX bundle if there is one, else the model."""
    exported = (folder / "onnx").is_dir()
    found = variant(folder / ("onnx" if exported else "model"))
    return replace(found, learned=seen_rows.load(folder / "model")) if isinstance(found, OnnxModel) else found


def variant(folder: Path) -> Model | OnnxModel:
    """Return the model in a folder: an ONNX bundle, or what Keras answers."""
    if (folder / f"{CONFIG}.json").is_file():
        return OnnxModel.load(folder)
    # Imported here, because all that was exported is served without Keras.
    from loopbook.models.model import Model

    return Model.load(folder)
