"""What the doctor finds: a check, how it stands, what was seen, and the command that mends it."""

from __future__ import annotations

from typing import NamedTuple

OK, WARNING, PROBLEM = "ok", "warning", "problem"


class Finding(NamedTuple):
    """One line of the doctor's report.

    Attributes
    ----------
    check
        What was looked at.
    state
        ``ok``; ``warning``: something works less well, or not for everybody; ``problem``: the work cannot be done.
    seen
        What was found.
    remedy
        A command to type; empty if nothing is to do.
    """

    check: str
    state: str
    seen: str
    remedy: str = ""


def judged(check: str, fine: bool, seen: str, otherwise: str, remedy: str, state: str = WARNING) -> Finding:
    """Return a finding of something that is fine, as `seen` says, or else is as `otherwise` says."""
    return Finding(check, OK, seen) if fine else Finding(check, state, otherwise, remedy)
