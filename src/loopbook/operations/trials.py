"""Trials: put a run's challenger on live traffic, look at what the log says of it, and end the trial."""

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy import Engine

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import TRIAL_BEGAN, TRIAL_ENDED, Stored, admin, agent_name, kept
from loopbook.decisions.audit.writer import Writer
from loopbook.feedback import live_comparison
from loopbook.feedback.live_comparison import Comparison
from loopbook.feedback.proposals import Proposal
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.service import keys
from loopbook.service.agent import Served
from loopbook.store import challengers, champions, content, lookup, vault
from loopbook.store.challengers import Trial
from loopbook.store.lookup import artifact
from loopbook.store.project import Project
from loopbook.store.records import Run


def start(
    project: Project,
    scenario: Scenario,
    profile: str,
    by: str,
    run: str = "",
    mode: Literal["", "shadow", "share"] = "",
    share: float | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Trial:
    """Export a run's challenger with the policy that 05 would give it, and put it on trial in place of another one.

    Parameters
    ----------
    by
        Who does so; it is written down in the log.
    run
        By a name that `lookup.run` knows; empty: the run that is served.
    mode, share
        Empty and None: as the section `service` of the scenario says.
    say
        Told what lasts.

    Raises
    ------
    LoopbookError
        If the scenario wants no trials, or the run has no challenger.
    """
    settings = scenario.service
    if settings.challenger == "none":
        raise LoopbookError("service.challenger is 'none': the scenario wants no challenger on live traffic.")
    made = lookup.run(project, run) if run else lookup.newest(project, scenario.name, profile)
    if made.scenario != scenario.name:
        raise LoopbookError(f"Run {made.run} is of {made.scenario}, and {scenario.name} is served.")
    say("Exporting the challenger, and choosing its policy on validation …")
    with vault.claimed(project.work / "trial" / f"{scenario.name}-{profile}") as work:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        kept_as, model = _exported(project, made, work)
    trial = Trial(
        challenger=kept_as,
        model=model,
        run=f"{made.scenario}/{made.run}",
        mode=mode or settings.challenger,
        share=settings.challenger_share if share is None else share,
        error=settings.challenger_error,
        by=by,
        began=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    versions = Served.of(project, made, kept_as).versions
    _noted(project, agent_name(scenario.name, profile), TRIAL_BEGAN, **trial.model_dump(), versions_on_trial=versions)
    challengers.begin(project, scenario.name, profile, trial)
    return trial


def stop(project: Project, scenario: str, profile: str, by: str, why: str) -> Trial:
    """End the trial, and write down who ended it and why; what it decided stays in the log.

    Raises
    ------
    LoopbookError
        If there is none.
    """
    trial = challengers.trial(project, scenario, profile)
    if trial is None:
        raise LoopbookError(f"No challenger of {agent_name(scenario, profile)} is on trial.")
    challengers.end(project, scenario, profile)
    _noted(project, agent_name(scenario, profile), TRIAL_ENDED, challenger=trial.challenger, by=by, why=why)
    return trial


def look(project: Project, scenario: Scenario, profile: str, engine: Engine | None = None) -> Comparison | None:
    """Return what the trial has shown so far, between the two versions that shared the latest row; None: there is none.

    Parameters
    ----------
    engine
        The log's database, if it is connected already.
    """
    trial = challengers.trial(project, scenario.name, profile)
    if trial is None or not kept(project):
        return None
    own = connect(project) if engine is None else engine
    try:
        agent, since = agent_name(scenario.name, profile), datetime.fromisoformat(trial.began)
        every = list(reader.entries(own, agent, kinds=("decision", "shadow", "feedback"), since=since))
        roles = {key.name: key.role for key in keys.listed(own, agent) if key.revoked is None}
    finally:
        if engine is None:
            own.dispose()
    mine = [stored for stored in every if stored.kind != "feedback" and "trial" in stored.facts]
    last = mine[-1].facts["trial"]["id"] if mine else ""
    parts: dict[str, list[Stored]] = {"decision": [], "shadow": []}
    for stored in mine:
        if stored.facts["trial"]["id"] == last:
            parts[stored.kind].append(stored)
    said = [stored for stored in every if stored.kind == "feedback"]
    right = live_comparison.outcomes(said, roles, scenario)
    judged = _unseen(project, trial, [stored for stored in parts["decision"] if stored.id in right])
    right = {id: found for id, found in right.items() if id in judged}
    return live_comparison.compare(parts["decision"], parts["shadow"], right, scenario, trial.error)


def proposed(project: Project, run: Run) -> list[Proposal]:
    """Return what the trial proposes to a run: its challenger, if it was found better than this run's champion."""
    trial = challengers.trial(project, run.scenario, run.profile)
    if trial is None or trial.model == lookup.digest(run, "champion"):
        return []
    found = look(project, Scenario.model_validate_json(json.dumps(run.resolved)), run.profile)
    if found is None or found.against != lookup.digest(run, "champion"):
        return []
    return live_comparison.propose(found, trial.model)


def _unseen(project: Project, trial: Trial, decided: Sequence[Stored]) -> set[str]:
    """Return the ids of the decisions on rows that neither model has learned from: on others it only remembers.

    What was forgotten cannot be held against what was learned, and is left out.
    """
    from loopbook.models import seen_rows
    from loopbook.models.shipping.bundle import OnnxModel

    known = [stored for stored in decided if stored.payload]
    if not known:
        return set()
    run = lookup.run(project, trial.run)
    champion, challenger = artifact(project, run, "champion"), challengers.find(project, trial.challenger)
    rows = Served.of(project, run).frame([stored.payload or {} for stored in known])
    seen = np.zeros(len(known), dtype=bool)
    for bundle, learned in ((champion / "onnx", champion / "model"), (challenger / challengers.ONNX, challenger)):
        seen |= seen_rows.known(OnnxModel.load(bundle).features, rows, seen_rows.load(learned))
    return {stored.id for stored, before in zip(known, seen, strict=True) if not before}


def _exported(project: Project, run: Run, work: Path) -> tuple[str, str]:
    """Write a run's challenger as it is served, keep it, and return its digest and that of its model."""
    import pandas as pd

    from loopbook.decisions import building, policy_choice
    from loopbook.models import seen_rows
    from loopbook.models.model import Model
    from loopbook.models.shipping import onnx_export

    folder = artifact(project, run, "challenger")
    served, model = Served.of(project, run), Model.load(folder)
    validation = pd.read_parquet(artifact(project, run, "validation"))
    onnx_export.export(model, work / challengers.ONNX)
    onnx_export.check(model, work / challengers.ONNX, validation.head(200))
    plan = served.agent.plan
    said = model.answer(validation).aligned(plan.classes)
    choice = policy_choice.choose(plan, policy_choice.cross_validated(plan, validation, said))
    policy = building.build(plan, validation, said)[choice.policy]  # type: ignore[index]
    content.write_json(work / challengers.POLICY, policy.model_dump(mode="json"))
    seen_rows.save(model.learned, work)
    digest = champions.keep(project, folder)
    return challengers.keep(project, work, {"model": digest, "run": f"{run.scenario}/{run.run}"}), digest


def _noted(project: Project, agent: str, act: str, **facts: object) -> None:
    engine = connect(project)
    try:
        with Writer(engine, agent) as writer:
            writer.append([admin(act, **facts)]).result()
    finally:
        engine.dispose()
