"""Markdown for a notebook's page: a sentence that is shown as one, and a table that says in words that it is empty."""

import pandas as pd


class Sentence(str):
    """Text that a notebook shows as Markdown."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def table(frame: pd.DataFrame, empty: str) -> pd.DataFrame | Sentence:
    """Return a table to show, or the sentence `empty` in its place if it has no row."""
    return frame if len(frame) else Sentence(empty)
