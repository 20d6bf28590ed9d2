"""The heavy libraries that kernels find imported already, in two levels.

Loopbook's own modules are not among them: a kernel imports them when its notebook does, so that what is executed is
what the stage's key was computed from. Nor is ONNX Runtime, whose import starts a thread, which no fork carries over.
"""

import importlib
import os
from enum import IntEnum


class Level(IntEnum):
    """How much a kernel finds imported."""

    LIGHT = 1
    HEAVY = 2


LEARNING = ("tensorflow", "keras")
"""What a notebook must use, somewhere in the modules that it imports, to be given the heavy level."""

LIBRARIES = {
    Level.LIGHT: (
        "ipykernel.debugger", "matplotlib.pyplot", "numpy", "pandas", "pyarrow.parquet", "pydantic", "scipy.stats",
        "yaml", "ipykernel.ipkernel", "ipykernel.kernelapp", "IPython.display", "IPython.core.completerlib",
        "IPython.core.debugger", "IPython.extensions.storemagic",
        "sklearn.linear_model", "sklearn.metrics", "sklearn.feature_extraction.text",
    ),
    Level.HEAVY: ("keras", "tensorflow"),
}  # fmt: skip
"""What each level imports, in this order: what most notebooks use. What one of them uses it imports itself."""


def load(level: Level) -> None:
    """Import the libraries of a level, those of the one below being there; run nothing of them."""
    # matplotlib reads its backend when it is imported; in a kernel, ipykernel has chosen this one by then.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # or debugpy warns of a debugger nobody asked for
    for name in LIBRARIES[level]:
        importlib.import_module(name)
