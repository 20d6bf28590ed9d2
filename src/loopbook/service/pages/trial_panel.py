"""The trial of a challenger on live traffic, as a part of the monitor."""

import time
from typing import Any

from loopbook.operations import trials
from loopbook.service.pages.people import People
from loopbook.store import challengers

_FRESH = 15.0  # seconds for which what was read of the log is shown again


class TrialPanel:
    """What `trial_panel.html.j2` shows as `trial`: read from the log at most every few seconds.

    Parameters
    ----------
    people
        Whose agent.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._read, self._known = float("-inf"), dict[str, Any]()

    def values(self) -> dict[str, Any]:
        """Return the trial, and what it has shown so far; it reads the log, so it belongs into a thread."""
        if time.monotonic() - self._read > _FRESH:
            people, scenario = self._people, self._people.scenario
            profile = people.agent.rpartition("/")[2]
            going = challengers.trial(people.behind.project, scenario.name, profile)
            found = trials.look(people.behind.project, scenario, profile, people.database) if going else None
            self._known, self._read = {"going": going, "found": found}, time.monotonic()
        return self._known
