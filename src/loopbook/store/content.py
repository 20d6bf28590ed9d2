"""Save, load and digest the values that stages exchange: a format for each kind of value.

Files of equal meaning can differ in their bytes, so a digest is taken of the meaning: of a table's values, of a model's
weights and configuration. TensorBoard's event files carry clock times; they are kept but have no digest.
"""

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loopbook.store import disk_space

UNDIGESTED = ("events.out.tfevents.", "model_card.")
"""Beginnings of file names that say nothing about content: a model is the same whatever its card says of other rows."""


_BESIDE = re.compile(r"\.\d+\.")
"""How the names of files begin that are not whole yet: with the number of the process that writes them."""


def save(value: Any, path: Path) -> Path:
    """Save a value under `path` without its ending, and return the file or folder that holds it.

    Parameters
    ----------
    value
        A DataFrame (parquet), a dict or list of plain values (json), a dict of arrays (npz), or the path of a file or
        folder, which is copied.
    path
        Where to save, without an ending.

    Raises
    ------
    TypeError
        If there is no format for the value.
    DiskFull
        If there is no room for it.
    """
    if isinstance(value, Path):
        target = path.with_name(path.name + value.suffix) if value.is_file() else path
        if value.resolve() != target.resolve():
            remove(target)
            with disk_space.told(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                (_copy_file if value.is_file() else shutil.copytree)(value, target)
    elif type(value).__name__ == "DataFrame":
        target = path.with_name(path.name + ".parquet")
        write_atomically(target, lambda file: value.to_parquet(file, index=False))
    elif isinstance(value, Mapping) and value and all(type(item).__name__ == "ndarray" for item in value.values()):
        import numpy as np

        target = path.with_name(path.name + ".npz")
        write_atomically(target, lambda file: np.savez_compressed(file, **value))
    elif isinstance(value, dict | list):
        target = path.with_name(path.name + ".json")
        write_json(target, value)
    else:
        raise TypeError(
            f"There is no format for {type(value).__module__}.{type(value).__name__} ({path.name}). "
            "Write a DataFrame, a dict or list of plain values, a dict of arrays, or the path of a folder."
        )
    return target


def load(path: Path) -> Any:
    """Load what `save` returned: a DataFrame, plain values, a dict of arrays, or the path itself."""
    match path.suffix:
        case ".parquet":
            import pandas as pd

            return pd.read_parquet(path)
        case ".json":
            return read_json(path)
        case ".npz":
            import numpy as np

            with np.load(path, allow_pickle=False) as archive:
                return dict(archive)
    return path


def digest(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's or folder's content, whatever its bytes."""
    if path.is_dir():
        parts = [
            f"{file.relative_to(path).as_posix()} {digest(file)}"
            for file in sorted(path.rglob("*"))
            if file.is_file() and not file.name.startswith(UNDIGESTED)
        ]
        return digest_text("\n".join(parts))
    return _DIGESTS.get(path.suffix, digest_file)(path)


def digest_value(frame: Any) -> str:
    """Return the digest of a DataFrame that is not saved."""
    return _digest_parquet(io.BytesIO(frame.to_parquet(index=False)))


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_json(value: Any) -> str:
    """Return the digest of plain values; the order of a mapping's keys does not count."""
    return digest_text(json.dumps(value, sort_keys=True, ensure_ascii=True, default=str))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(path: Path) -> int:
    """Return the size of a file or of all files in a folder, in bytes."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def read_json(path: Path) -> Any:
    """Return the plain values in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(target: Path, value: Any) -> None:
    """Write plain values into a file, in one step."""
    write_text(target, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(target: Path, text: str) -> None:
    """Write a text into a file, in one step."""
    write_atomically(target, lambda file: file.write_text(text, encoding="utf-8", errors="surrogatepass"))


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a neighbour of `target`, then put it in place in one step, on disk."""
    beside = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        with disk_space.told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            write(beside)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what `write_atomically` left in a folder where it was killed; nobody else may write there."""
    for path in folder.rglob(".*"):
        if _BESIDE.match(path.name) and path.is_file():
            path.unlink()


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy_file(source: Path, target: Path) -> None:
    write_atomically(target, lambda file: shutil.copy2(source, file))


def _digest_parquet(path: Path | io.BytesIO) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    plain = pq.read_table(path).replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(sink, plain.schema) as stream:
        stream.write_table(plain)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _digest_npz(path: Path) -> str:
    sha = hashlib.sha256()
    for name, array in sorted(load(path).items()):
        sha.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return sha.hexdigest()


def _digest_h5(path: Path) -> str:
    import h5py

    parts: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: parts.append(_line(item[()], f"{name} ")) if isinstance(item, h5py.Dataset) else None
        )
    return digest_text("\n".join(sorted(parts)))


def _line(array: Any, name: str = "") -> str:
    return f"{name}{array.dtype.str} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


def _digest_keras(path: Path) -> str:
    import tempfile

    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        config = digest_json(json.loads(archive.read("config.json")))
        weights = Path(archive.extract("model.weights.h5", folder))
        return digest_text(f"{config} {_digest_h5(weights)}")


def _digest_onnx(path: Path) -> str:
    """Digest an ONNX graph by its numbers and its kinds of operation; converters order and name both as they like."""
    import onnx
    from onnx import numpy_helper

    parts: list[str] = []
    waiting = [onnx.load(path).graph]
    while waiting:
        graph = waiting.pop()
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        tensors = [*graph.initializer, *(attribute.t for attribute in attributes if attribute.HasField("t"))]
        parts += [_line(numpy_helper.to_array(tensor)) for tensor in tensors]
        for node in graph.node:
            parts.append(node.op_type)
            if node.domain:  # trees keep their numbers in attributes, not in tensors
                known = sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
                parts.append(hashlib.sha256(b"\n".join(known)).hexdigest())
        for attribute in attributes:
            waiting += [attribute.g] if attribute.HasField("g") else attribute.graphs
    return digest_text("\n".join(sorted(parts)))


_DIGESTS: Mapping[str, Callable[[Path], str]] = {
    ".parquet": _digest_parquet,
    ".json": lambda path: digest_json(read_json(path)),
    ".npz": _digest_npz,
    ".keras": _digest_keras,
    ".onnx": _digest_onnx,
}
"""By the ending of a file's name, if its bytes say more than its content does."""
