"""What Loopbook says when an input cannot be used: what was wrong, where, and what to do."""

import difflib
import os
import traceback
from collections.abc import Iterable


class LoopbookError(Exception):
    """A problem that the user can mend; its message names the input, the place and the remedy."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows of it: the message by hand; in a run the whole way to it, for the failed page."""
        if "LOOPBOOK_JOB" in os.environ:
            return "".join(traceback.format_exception(self)).splitlines()
        return [f"{type(self).__name__}: {self}"]


class ScenarioError(LoopbookError):
    """A scenario, a parameter or a profile that does not fit its contract."""


class DataError(LoopbookError):
    """Data that cannot be collected, read or used as the scenario says."""


class MissingInput(LoopbookError):
    """An output of an earlier stage that does not exist yet."""


def refuse(error: type[LoopbookError], *checks: tuple[object, str]) -> None:
    """Raise an error with the text of the first check that holds; each is a condition and what to say of it."""
    for wrong, text in checks:
        if wrong:
            raise error(text)


def suggest(word: object, known: Iterable[object]) -> str:
    """Return `` Did you mean 'epochs'?`` for the nearest known word, or the list of known words if none is near.

    Parameters
    ----------
    word
        What was given.
    known
        What would have been right.

    Returns
    -------
    str
        A sentence that begins with a space, or an empty string if nothing is known.
    """
    words = sorted({str(item) for item in known})
    if not words:
        return ""
    near = difflib.get_close_matches(str(word), words, n=1, cutoff=0.6)
    if near:
        return f" Did you mean {near[0]!r}?"
    shown = ", ".join(words[:20]) + (", …" if len(words) > 20 else "")
    return f" Known: {shown}."
