"""The trial of a challenger on live traffic, as a part of the monitor and as a page of its own."""

import time
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.operations import trials
from loopbook.service.pages.people import People
from loopbook.store import challengers
from loopbook.store.project import Project

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
            scenario, (_, _, profile) = self._people.scenario, self._people.agent.rpartition("/")
            project = Project.find()
            going = challengers.trial(project, scenario.name, profile)
            found = trials.look(project, scenario, profile, self._people.database) if going else None
            self._known, self._read = {"going": going, "found": found}, time.monotonic()
        return self._known


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/monitor/trial``."""
    panel = TrialPanel(people)

    async def show(request: Request) -> Response:
        await people.person(request, "reviewer", "admin")
        return people.respond(request, "trial.html.j2", trial=await to_thread.run_sync(panel.values))

    app.add_api_route("/monitor/trial", show, methods=["GET"], include_in_schema=False)
