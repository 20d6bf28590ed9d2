"""Approval: what the agent learnt, proposed with its evidence; yes, no, and why; and what came of earlier approvals."""

from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.decisions.audit import entry
from loopbook.feedback.proposals import Proposal
from loopbook.operations import change_history, refusals, rounds
from loopbook.reports import chart
from loopbook.scenario.errors import LoopbookError
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller
from loopbook.service.pages.people import People
from loopbook.store import content, snapshots
from loopbook.store.lookup import artifact
from loopbook.store.records import Run

ROLES = ("admin",)
_SHOWN = 8  # labels of a proposal that are shown
_WHY = 1_000  # characters of a reason that are kept
_VERDICT = ("gain", "low", "high", "p", "saving", "saving_low", "saving_high", "rows", "fewest")


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/approve`` and what its forms send."""
    pages = _Pages(people)
    app.add_api_route("/approve", pages.show, methods=["GET"], include_in_schema=False)
    for path, page in (
        ("/approve", pages.answer),
        ("/approve/undo", pages.undo),
        ("/approve/{id}/unrefuse", pages.unrefuse),
    ):
        app.add_api_route(path, page, methods=["POST"], include_in_schema=False)


class _Pages:
    """The page and its forms; files are read and written in a thread."""

    def __init__(self, people: People) -> None:
        self._people, self._project = people, people.behind.project
        self._scenario, _, self._profile = people.agent.rpartition("/")

    async def show(self, request: Request) -> Response:
        """Show what is proposed, and what was approved."""
        await self._people.person(request, *ROLES)
        return self._people.respond(request, "approve.html.j2", **await to_thread.run_sync(self._values))

    async def answer(self, request: Request) -> Response:
        """Take a form with an answer to each proposal: refusals are kept, the approved ones become the next round."""
        caller, fields = await self._people.form(request, *ROLES)
        try:
            await to_thread.run_sync(self._answered, caller, fields)
        except LoopbookError as error:
            values = await to_thread.run_sync(self._values)
            return self._people.respond(request, "approve.html.j2", 409, **{**values, "wrong": str(error)})
        return self._people.go("/approve")

    async def undo(self, request: Request) -> Response:
        """Take the last approval back: the round before is the current one again."""
        caller, fields = await self._people.form(request, *ROLES)

        def withdraw() -> None:
            current = snapshots.current(self._project, self._scenario, self._profile)
            if fields.get("round") != str(current.round):
                raise Refused(409, "Something else was approved or taken back meanwhile. Load the page again.")
            if snapshots.withdraw(self._project, self._scenario, self._profile):
                self._note("approval-taken-back", caller, round=current.round)

        await to_thread.run_sync(withdraw)
        return self._people.go("/approve")

    async def unrefuse(self, request: Request) -> Response:
        """Take a refusal back: the proposal waits again."""
        caller, _ = await self._people.form(request, *ROLES)
        id = request.path_params["id"]

        def take_back() -> None:
            try:
                refusals.take_back(self._project, self._scenario, self._profile, id, caller.name)
            except LoopbookError as error:
                raise Refused(404, str(error)) from None
            self._note("refusal-taken-back", caller, proposal=id)

        await to_thread.run_sync(take_back)
        return self._people.go("/approve")

    def _answered(self, caller: Caller, fields: Mapping[str, str]) -> None:
        """Keep the refusals, and approve what is approved.

        Raises
        ------
        LoopbookError
            If another run has come, or nothing was chosen, or a refusal says no reason; nothing is kept then.
        """
        run, suggested = rounds.proposed(self._project, self._scenario, self._profile)
        if fields.get("run") != run.run:
            raise LoopbookError(f"Run {run.run} has come meanwhile, and proposes anew. Look at it, and answer again.")
        chosen = {one.id: fields.get(f"answer.{one.id}", "") for one in suggested}
        why = {one.id: fields.get(f"why.{one.id}", "").strip()[:_WHY] for one in suggested}
        yes, no = ([one for one in suggested if chosen[one.id] == said] for said in ("yes", "no"))
        if not yes and not no:
            raise LoopbookError("Nothing was answered: choose yes or no for at least one proposal.")
        if silent := [one.title for one in no if not why[one.id]]:
            raise LoopbookError(f"Say why you refuse: {'; '.join(silent)}.")
        for proposal in no:
            refusals.refuse(self._project, run, proposal, caller.name, why[proposal.id])
        ids = [one.id for one in yes]
        scenario = self._people.scenario
        sealed = rounds.approve(self._project, scenario, self._profile, ids, caller.name, why) if ids else None
        if no:
            self._note("proposals-refused", caller, run=run.run, proposals=[one.id for one in no])
        if sealed:
            self._note("proposals-approved", caller, run=run.run, proposals=ids, round=sealed.round)

    def _values(self) -> dict[str, Any]:
        """Return what the page shows."""
        place = (self._project, self._scenario, self._profile)
        current = snapshots.current(*place)
        values: dict[str, Any] = {"scenario": self._scenario, "profile": self._profile, "round": current.round}
        values |= {"history": change_history.history(*place), "proposals": [], "run": None, "wrong": ""}
        values |= {"waits": "", "verdict": None, "ready": False}
        try:
            run, suggested = rounds.proposed(*place)
        except LoopbookError as error:
            return values | {"waits": str(error)}
        new, refused = rounds.pending(*place, run, suggested), refusals.standing(*place)
        shown = [
            {
                "one": one,
                "state": "approved" if one.id not in new else "refused" if one.id in refused else "new",
                "refusal": refused.get(one.id),
                "drawn": _drawn(one),
                "sample": _sample(one),
            }
            for one in suggested
        ]
        shown.sort(key=lambda told: ("new", "refused", "approved").index(str(told["state"])))
        waiting = any(told["state"] == "new" for told in shown)
        return values | {"proposals": shown, "run": run, "verdict": self._verdict(run), "ready": waiting}

    def _verdict(self, run: Run) -> dict[str, Any] | None:
        """Return what the gate said of the run's challenger; None of a run without one."""
        if not any("verdict" in stage.artifacts for stage in run.stages.values()):
            return None
        told = content.load(artifact(self._project, run, "verdict"))
        figures = [(name, told[name]) for name in _VERDICT if told.get(name) is not None]
        return {"decision": told["decision"], "reason": told["reason"], "figures": figures}

    def _note(self, act: str, caller: Caller, **facts: Any) -> None:
        self._people.writer.append([entry.admin(act, by=caller.name, key_id=caller.key_id, **facts)]).result()


def _drawn(proposal: Proposal) -> chart.Drawing | None:
    """Return the interval of a proposal's main figure; None: it has none."""
    evidence = proposal.evidence
    low, high = evidence.get("low"), evidence.get("high")
    name, value = next(iter(evidence.items()), ("", None))
    if not all(isinstance(one, int | float) for one in (low, high, value)):
        return None
    return chart.intervals(proposal.title, [(name, value, low, high)], [name], 0.0)  # type: ignore[list-item]


def _sample(proposal: Proposal) -> dict[str, Any]:
    """Return the part of a change that a person should see: its first labels, its rule, its requirement."""
    change = proposal.change
    rows = change.get("corrections", change.get("outcomes", []))
    text = (change.get("rule") or {}).get("text") or (change.get("requirement") or {}).get("text", "")
    return {"rows": rows[:_SHOWN], "more": max(0, len(rows) - _SHOWN), "text": text}
