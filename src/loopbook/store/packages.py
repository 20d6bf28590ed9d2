"""The locked distributions that code uses: what it imports, and what that needs in turn."""

import functools
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from loopbook.store.content import digest_text

DISTRIBUTIONS: Mapping[str, str] = {
    "IPython": "ipython",
    "PIL": "pillow",
    "Stemmer": "pystemmer",
    "absl": "absl-py",
    "attr": "attrs",
    "dateutil": "python-dateutil",
    "google": "protobuf",
    "grpc": "grpcio",
    "markdown_it": "markdown-it-py",
    "mpl_toolkits": "matplotlib",
    "sklearn": "scikit-learn",
    "stdnum": "python-stdnum",
    "yaml": "pyyaml",
}
"""Distributions whose modules are called otherwise; a test compares this with what is installed."""

BESIDES: Mapping[str, tuple[str, ...]] = {
    "keras": ("tensorflow",),
    "tf2onnx": ("tensorflow",),
    "pandas": ("pyarrow",),
}
"""What a distribution uses at run time, if it is there, without saying that it needs it: Keras its backend, pandas its
type of texts."""

WHOLE_LOCK = "the whole lock"
"""Stands for all distributions, where an imported name is that of none."""


class Distribution(NamedTuple):
    """A distribution as the lock pins it: its versions, a digest of its files' hashes, what it needs itself."""

    version: str
    files: str
    needs: frozenset[str]


def used(imports: Iterable[str], texts: Iterable[str], lock: Path) -> dict[str, str]:
    """Return the version and a digest of the files of all locked distributions that code uses, by name.

    Parameters
    ----------
    imports
        Full names of what the code imports; modules of Python itself and of the project are passed over.
    texts
        Texts in the code that may name a distribution which it looks for by name.
    lock
        The lock. A name that no distribution in it is known for counts as all of it: rather stale than wrong.
    """
    if not lock.is_file():
        return {}
    locked = read(lock)
    names = {name.partition(".")[0] for name in imports if not name.startswith(".")} - sys.stdlib_module_names
    wanted = {name: DISTRIBUTIONS.get(name, _normal(name)) for name in sorted(names)}
    waiting = [*map(_normal, texts), *wanted.values()]
    found: dict[str, str] = {}
    unknown = [name for name, distribution in wanted.items() if distribution not in locked]
    if unknown:
        found[WHOLE_LOCK] = f"for {', '.join(unknown)} {digest_text(lock.read_text(encoding='utf-8'))[:12]}"
    while waiting:
        name = waiting.pop()
        if name not in found and name in locked:
            found[name] = f"{locked[name].version} {locked[name].files}"
            waiting += [*locked[name].needs, *BESIDES.get(name, ())]
    return dict(sorted(found.items()))


def read(lock: Path) -> Mapping[str, Distribution]:
    """Return what a lock pins, by name. Who needs what stands in its ``# via`` comments, which uv writes."""
    return _read(lock, lock.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(lock: Path, changed: int) -> Mapping[str, Distribution]:
    versions: dict[str, list[str]] = defaultdict(list)
    files: dict[str, list[str]] = defaultdict(list)
    needs: dict[str, set[str]] = defaultdict(set)
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        word = line.strip(" \\")
        if line[:1].isalnum():
            name, _, version = word.partition("==")
            versions[name].append(version)
        elif word.startswith("--hash="):
            files[name].append(word)
        elif word.startswith("#"):
            needer = word.removeprefix("#").strip().removeprefix("via").strip().partition("[")[0]
            if needer and not needer.startswith("loopbook"):
                needs[needer].add(name)
    return {
        name: Distribution(", ".join(pinned), digest_text("\n".join(files[name]))[:12], frozenset(needs[name]))
        for name, pinned in versions.items()
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
