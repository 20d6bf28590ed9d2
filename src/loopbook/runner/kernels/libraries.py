"""The heavy libraries that kernels find imported already, in two levels.

Loopbook's own modules are not among them: a kernel imports them when its notebook does, so that what is executed is
what the stage's key was computed from. Nor is ONNX Runtime, whose import starts a thread, which no fork carries over.
"""

# ruff: noqa: F401 (what is imported here is for the kernels that are forked afterwards)
import os
from enum import IntEnum

LEARNING = ("tensorflow", "keras")
"""What a notebook must use, somewhere in the modules that it imports, to be given the heavy level."""


class Level(IntEnum):
    """How much a kernel finds imported."""

    LIGHT = 1
    HEAVY = 2


def load(level: Level) -> None:
    """Import the libraries of a level, those of the one below being there; run nothing of them."""
    if level is Level.HEAVY:
        import keras
        import tensorflow

        return
    # matplotlib reads its backend when it is imported; in a kernel, ipykernel has chosen this one by then.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # or debugpy warns of a debugger nobody asked for
    import ipykernel.debugger
    import matplotlib.pyplot
    import numpy
    import pandas
    import pyarrow.parquet
    import pydantic
    import requests
    import rule_engine
    import scipy.stats
    import sqlalchemy
    import yaml
    from ipykernel import ipkernel, kernelapp
    from IPython import display
    from IPython.core import completerlib, debugger
    from IPython.extensions import storemagic
    from sklearn import linear_model, metrics
    from sklearn.feature_extraction import text
