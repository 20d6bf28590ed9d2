"""The live monitor: alerts, what is being decided, the latest run's incidents; acknowledged, silenced with a reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.decisions.audit import entry, log_query
from loopbook.decisions.audit.log_query import Filter
from loopbook.operations import incidents
from loopbook.scenario.errors import LoopbookError
from loopbook.service import alerts
from loopbook.service.pages.explorer import charts
from loopbook.service.pages.live_look import MOST, Looks
from loopbook.service.pages.people import People
from loopbook.service.pages.trial_panel import TrialPanel
from loopbook.store import records
from loopbook.store.records import Run

ROLES = ("reviewer", "admin")
_DAY = timedelta(days=1)
_REASON = 500  # characters of a reason that are kept


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/monitor`` and what its forms send."""
    pages = _Pages(people)
    app.add_api_route("/monitor", pages.show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/monitor/incidents/{id}", pages.say, methods=["POST"], include_in_schema=False)


class _Pages:
    """The page and its forms."""

    def __init__(self, people: People) -> None:
        self._people, self._project = people, people.behind.project
        self._scenario, _, self._profile = people.agent.rpartition("/")
        self._looks, self._trial = Looks(people), TrialPanel(people)

    async def show(self, request: Request) -> Response:
        """Show how things stand now."""
        await self._people.person(request, *ROLES)
        return self._people.respond(request, "monitor.html.j2", **await to_thread.run_sync(self._values))

    async def say(self, request: Request) -> Response:
        """Acknowledge an incident, or silence it until a day."""
        caller, fields = await self._people.form(request, *ROLES)
        id, silent = request.path_params["id"], fields.get("event") == "silenced"
        what = (
            {"until": fields.get("until", ""), "reason": fields.get("reason", "").strip()[:_REASON]} if silent else {}
        )

        def said() -> None:
            if silent and not all(what.values()):
                raise LoopbookError("To silence needs a last day and a reason, so that it ends and somebody knows why.")
            incidents.say(
                self._project, self._run(), id, "silenced" if silent else "acknowledged", by=caller.name, **what
            )
            act = entry.admin("incident-silenced" if silent else "incident-acknowledged", by=caller.name, incident=id)
            self._people.writer.append([act]).result()

        try:
            await to_thread.run_sync(said)
        except LoopbookError as error:
            values = await to_thread.run_sync(self._values)
            return self._people.respond(request, "monitor.html.j2", 422, **{**values, "wrong": str(error)})
        return self._people.go("/monitor")

    def _values(self) -> dict[str, Any]:
        """Return what the page shows."""
        now, database, agent = datetime.now(UTC), self._people.database, self._people.agent
        run, (look, looking) = self._run(), self._looks.latest()
        counted = log_query.counts(database, agent, Filter(since=now - _DAY))
        standing = [one for one in alerts.standing(database, now - _DAY) if one.agent == agent]
        try:
            known, unread = incidents.known(self._project, run), ""
        except LoopbookError as error:  # the run's own file is not as it was written
            known, unread = [], str(error)
        values: dict[str, Any] = {"now": now, "standing": standing, "run": run, "incidents": known, "unread": unread}
        values |= {"look": look, "looking": looking, "most": MOST, "counted": counted, "panels": charts(counted)}
        values |= {"least": self._people.scenario.decisions.served_least, "units": self._people.scenario.task.units}
        return values | {"trial": self._trial.values(), "wrong": ""}

    def _run(self) -> Run | None:
        """Return the latest good run, whose incidents are shown."""
        return records.latest(self._project, self._scenario, self._profile)
