"""What a model is shipped as: an ONNX graph, its tokeniser and its heads, run without TensorFlow."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models import heads
from loopbook.models.answers import Answering
from loopbook.models.arrays import Arrays, encode, lengths, texts
from loopbook.models.averaged import mean, member_name
from loopbook.models.encoders import sentence_encoder
from loopbook.models.head import Head
from loopbook.models.linear import Linear
from loopbook.models.ranking.ranker import Ranker
from loopbook.models.shipping.onnx_graph import session
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content

FORMAT = 4
MODEL, CONFIG, FEATURES, PIECES = "model.onnx", "config", "features", "tokenizer.json"
_BATCH = 256


@dataclass(frozen=True)
class OnnxModel(Answering):
    """A shipped model, loaded.

    Attributes
    ----------
    config
        What ``config.json`` says: architecture, inputs, outputs.
    outputs
        The heads: what the raw scores say.
    linear
        The terms of a linear baseline; None for networks and trees.
    members, ranker
        Of an ensemble, and of a ranker, which have no graph of their own.
    learned
        As of `Model`. A bundle goes out without it, so that only `serving.load`, which has the model beside it, knows.
    """

    features: Features
    config: Mapping[str, Any]
    outputs: tuple[Head, ...]
    linear: Linear | None
    _session: Any
    _tokenizer: Any
    learned: NDArray[np.uint64] | None = None
    members: tuple[Self, ...] = ()
    ranker: Ranker | None = None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a folder that `onnx_export.export` wrote.

        Raises
        ------
        LoopbookError
            If it is none, or was written by another version of Loopbook.
        """
        file = folder / f"{CONFIG}.json"
        config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if not config or not ({"members", "ranker"} & set(config) or (folder / MODEL).is_file()):
            raise LoopbookError(f"{folder} holds no exported model: {MODEL} or {file.name} is missing.")
        if config.get("format") != FORMAT:
            raise LoopbookError(f"{file}: format {config.get('format')!r} is not {FORMAT}. Export the model again.")
        features = Features.model_validate(content.load(folder / f"{FEATURES}.json"))
        if count := config.get("members"):
            members = tuple(cls.load(folder / member_name(at)) for at in range(count))
            return cls(features, config, heads.load(config["outputs"]), None, None, None, members=members)
        if "ranker" in config:
            own = Ranker.load(folder)
            return cls(features, config, heads.load(config["outputs"]), None, None, None, ranker=own)
        return cls(
            features,
            config,
            heads.load(config["outputs"]),
            Linear.load(folder) if "positions" in config["inputs"] else None,
            session(folder / MODEL),
            sentence_encoder.tokenizer((folder / PIECES).read_text("utf-8")) if "pieces" in config["inputs"] else None,
        )

    def raw(self, frame: pd.DataFrame, *_: Any) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W]."""
        result = np.zeros((len(frame), heads.width(self.outputs)))
        if not len(frame):
            return result
        if self.members:
            return mean(self.members, frame)
        if self.ranker is not None:
            return self.ranker.raw(self.features, frame)
        for batch, given in self.fed(frame):
            result[batch] = self._session.run(None, given)[0]
        return result

    def fed(self, frame: pd.DataFrame) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        """Give what the graph is fed, batch by batch, each with the places of its rows."""
        arrays = self._encode(frame)
        # Tokens of one length go together where the graph knows no padding, and word pieces always.
        cut = [name for name in arrays if name == "pieces" or (name == "tokens" and self.config["unpadded"])]
        long = lengths(arrays[cut[0]]) if cut else np.zeros(len(frame), dtype=np.int64)
        size = sentence_encoder.BATCH if "pieces" in arrays else _BATCH
        for batch in _batches(long, self.config.get("batch", size)):
            given = {name: values[batch] for name, values in arrays.items()}
            given |= {name: given[name][:, : int(lengths(given[name]).max())] for name in cut}
            yield batch, given

    def _encode(self, frame: pd.DataFrame) -> Arrays:
        names = self.config["inputs"]
        if self.linear is not None:
            positions, counts, table = self.linear.encode(self.features, frame)
            arrays: Arrays = {"positions": positions, "counts": counts, "table": table}
        else:
            arrays = encode(self.features, frame, [name for name in names if name != "pieces"])
        if "pieces" in names:
            padded = sentence_encoder.pad(sentence_encoder.pieces(texts(self.features, frame), self._tokenizer))
            (kind,) = (given.type for given in self._session.get_inputs() if given.name == "pieces")
            arrays["pieces"] = padded.astype(np.int32) if kind == "tensor(int32)" else padded
        return arrays


def _batches(long: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Return batches of rows, in each of which all are of one length."""
    order = np.argsort(long, kind="stable")
    same = np.split(order, np.flatnonzero(np.diff(long[order])) + 1)
    return [part[start : start + size] for part in same for start in range(0, len(part), size)]
