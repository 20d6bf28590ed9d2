"""Marking of words in a text by how much they moved what the model said."""

from collections.abc import Mapping, Sequence
from typing import Any

from loopbook.decisions.explanation import WORD

STEPS = 3
"""Shades in which words are marked, by the share of the largest effect."""


def marked(text: str, field: str, parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return a text in pieces, each with its mark.

    Parameters
    ----------
    text
        What was decided on.
    field
        Its name.
    parts
        `field`, `part` and `effect`, as an explanation has them.

    Returns
    -------
    list
        Pieces, in the order of the text, with ``up-1`` to ``up-3`` for words that speak for what the model said,
        ``down-1`` to ``down-3`` for those that speak against it, and nothing for what is between.
    """
    effects = {part["part"]: float(part["effect"]) for part in parts if part["field"] == field}
    most = max(map(abs, effects.values()), default=0.0)
    pieces, end = [], 0
    for match in WORD.finditer(text):
        effect = effects.get(match.group().lower(), 0.0)
        step = round(abs(effect) / most * STEPS) if most else 0
        if step:
            mark = f"{'up' if effect > 0 else 'down'}-{step}"
            pieces += [(text[end : match.start()], ""), (match.group(), mark)]
            end = match.end()
    return [piece for piece in (*pieces, (text[end:], "")) if piece[0]]
