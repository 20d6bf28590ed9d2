"""Let a shipped model answer, without TensorFlow where it was exported."""

from dataclasses import replace
from pathlib import Path

from loopbook.models import seen_rows
from loopbook.models.seen_rows import Learner
from loopbook.models.shipping.bundle import OnnxModel


def load(folder: Path) -> Learner:
    """Return what gives the probabilities of a shipped model: its ONNX bundle if there is one, else the model."""
    if (folder / "onnx").is_dir():
        return replace(OnnxModel.load(folder / "onnx"), learned=seen_rows.load(folder / "model"))
    # What was not exported is answered by Keras; imported here, because all other models are served without it.
    from loopbook.models.model import Model

    return Model.load(folder / "model")
