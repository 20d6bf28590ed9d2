"""Feedback rounds: run, approve, seal, run again, until nothing new is approved or no fresh time is left."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console

from loopbook.feedback import approval, proposals
from loopbook.operations import refusals, session
from loopbook.runner.execution import Request
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, MissingInput
from loopbook.store import champions, content, records, snapshots
from loopbook.store.lookup import artifact
from loopbook.store.project import Project
from loopbook.store.records import Run


def proposed(project: Project, scenario: str, profile: str) -> tuple[Run, list[proposals.Proposal]]:
    """Return the latest run of the current round, and what it proposes; and its service's trial, if one found better.

    Raises
    ------
    MissingInput
        If there is none yet.
    LoopbookError
        If what the latest run proposes was approved already, and the next round has not run.
    """
    again = f"make SCENARIO={scenario} PROFILE={profile}"
    run = records.latest(project, scenario, profile)
    if run is None:
        raise MissingInput(f"There is no run of {scenario} in profile {profile!r} yet, so nothing to approve: {again}")
    current = snapshots.current(project, scenario, profile)
    if run.round != current.round:
        raise LoopbookError(
            f"The latest run of {scenario} is that of round {run.round}, but it is round {current.round} now: run it "
            f"first, then approve what it proposes: {again}"
        )
    from loopbook.operations import trials  # brings what talks to databases

    live = {one.id: one for one in trials.proposed(project, run)}  # proven on more than 07 has seen, so it stands first
    own = proposals.from_plain(content.load(artifact(project, run, "proposals")))
    return run, [*live.values(), *(one for one in own if one.id not in live)]


def pending(
    project: Project, scenario: str, profile: str, run: Run, suggested: Sequence[proposals.Proposal]
) -> set[str]:
    """Return the ids of a run's proposals that are not approved already."""
    before, model = snapshots.current(project, scenario, profile), content.digest(artifact(project, run, "champion"))
    return approval.pending(suggested, before, model)


def approve(
    project: Project,
    scenario: Scenario,
    profile: str,
    which: approval.Policy | Iterable[str],
    by: str,
    why: Mapping[str, str] | None = None,
) -> snapshots.Snapshot | None:
    """Approve proposals of the latest run and seal them into the snapshot of the next round.

    Parameters
    ----------
    which
        ``all`` or ``safe`` but what somebody has refused, ``none``, or the ids of some, whoever has refused them.
    by
        Who approves: a person, or ``policy safe`` for a batch loop.
    why
        What they say to it, by id.

    Returns
    -------
    Snapshot or None
        The sealed snapshot; None if nothing was approved that was not approved before: nothing changes then.

    Raises
    ------
    LoopbookError
        If there is nothing to approve, an id is unknown, something else was approved in between, or an earlier
        version of Loopbook made the run, whose 02 did not write the dates between the splits.
    """
    run, suggested = proposed(project, scenario.name, profile)
    if isinstance(which, str):
        refused = refusals.standing(project, scenario.name, profile)
        which = [one.id for one in approval.chosen(suggested, which) if one.id not in refused]
    before = snapshots.current(project, scenario.name, profile)
    snapshots.refuse_other_layout(before, scenario)
    card = content.load(artifact(project, run, "dataset_card"))
    if "boundaries" not in card:
        raise LoopbookError(
            f"Run {run.run} was made before 02 wrote the dates between the splits to its dataset card, and the first "
            f"approval fixes them. Run it again, then approve: make SCENARIO={scenario.name} PROFILE={profile}"
        )
    windows, model = scenario.data.splits.windows, content.digest(artifact(project, run, "champion"))
    after = approval.next_snapshot(suggested, which, before, by, card["findings"], windows, model, why)
    return None if after is before else _sealed(project, scenario, profile, run, before, after, card["boundaries"])


def _sealed(
    project: Project,
    scenario: Scenario,
    profile: str,
    run: Run,
    before: snapshots.Snapshot,
    after: snapshots.Snapshot,
    boundaries: list[str],
) -> snapshots.Snapshot | None:
    """Keep the champions that the next snapshot names, and seal it; None if somebody else has sealed that round."""
    if after.champion is not None and after.champion != before.champion:
        champions.keep(project, artifact(project, run, "challenger"))
        champions.find(project, after.champion)  # one that was on trial may be of another run, and was kept then
    whole = after.model_copy(
        update={
            "first": before.first or champions.keep(project, artifact(project, run, "champion")),
            "layout": before.layout or snapshots.layout(scenario),
            "boundaries": before.boundaries or boundaries,
        }
    )
    return whole if snapshots.seal(project, scenario.name, profile, whole) else None


def loop(
    request: Request, rounds: int, console: Console, jobs: int | None = None, time_limit: float | None = None
) -> Run:
    """Run so many rounds, approving between them as the scenario's policy says; return the last run.

    What was approved stays approved: a loop that is interrupted or started again goes on where it was. It ends early
    when a run fails, when nothing new is approved, and when the agent has lived through all its windows.
    """
    scenario = request.resolved
    policy, windows = scenario.feedback.approve, scenario.data.splits.windows
    record = session.run(request, console, jobs, time_limit)
    for _ in range(rounds - 1):
        if not record.good:
            break
        current = snapshots.current(request.project, scenario.name, request.profile)
        if current.window >= windows:
            console.print(
                f"No fresh time is left: the agent has lived through {windows} of {windows} windows "
                "(data.splits.windows), so the rounds end here."
            )
            break
        after = approve(request.project, scenario, request.profile, policy, f"policy {policy}")
        if after is None:
            console.print(f"Nothing new was approved (policy {policy!r}): the rounds have converged.")
            break
        console.print(f"\n[bold]Round {after.round}[/], window {after.window} of {windows}; approved:")
        for proposal in after.approved:
            if proposal["round"] == after.round:
                console.print(f"  {proposal['id']}: {proposal['title']}", markup=False, soft_wrap=True)
        record = session.run(request, console, jobs, time_limit)
    return record
