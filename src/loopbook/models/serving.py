"""Let a shipped model answer, without TensorFlow where it was exported."""

from __future__ import annotations

from pathlib import Path

from loopbook.models.bundle import OnnxModel
from loopbook.models.leaderboard import Answers


def load(folder: Path) -> Answers:
    """Return what gives the probabilities of a shipped model: its ONNX bundle if there is one, else the model."""
    if (folder / "onnx").is_dir():
        return OnnxModel.load(folder / "onnx")
    # What was not exported is answered by Keras; imported here, because all other models are served without it.
    from loopbook.models.model import Model

    return Model.load(folder / "model")
