"""Rounds: what is approved is carried into the next one and nothing else, and the loop knows when to end."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from tests.conftest import notebook
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.operations import refusals, rounds, session
from loopbook.scenario.errors import LoopbookError, MissingInput
from loopbook.store import champions, snapshots
from loopbook.store.lookup import newest
from loopbook.store.project import Project
from loopbook.store.records import Run, latest
from loopbook.store.snapshots import Snapshot


@pytest.fixture
def agent(project: Project) -> Project:
    """Return the small project with a 02 that carries, and a 07 that proposes an outcome, a rule and a criterion."""
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    file = project.scenarios / "tiny.yaml"
    splits = "{train: 0.3, validation: 0.1, test: 0.1, gate: 0.1, stream: 0.1, held_back: 0.3, windows: 3}"
    file.write_text(file.read_text() + f"data:\n  splits: {splits}\n")
    (project.notebooks / "02_data.ipynb").unlink()
    notebook(
        project.notebooks / "02_data.ipynb",
        {"reads": ["source"], "carries": ["outcomes", "window"], "writes": ["train", "dataset_card"]},
        'scenario = "tiny"\nprofile = "standard"\nwindow = None',
        "import pandas as pd\nfrom loopbook.store.stage import Stage",
        'stage = Stage.open("02_data", globals())',
        'window, outcomes = stage.settings.window or stage.carry("window"), stage.carry("outcomes")',
        'stage.write("train", pd.DataFrame({"x": [1.0 * window, *[float(one["label"]) for one in outcomes]]}))',
        'card = {"boundaries": ["2026-01-01"], "findings": [{"kind": "size", "text": f"window {window}"}]}',
        'stage.write("dataset_card", card)',
        "stage.record(total=10 + len(outcomes), window=window)",
    )
    path = project.notebooks / "04_optimization.ipynb"
    saved = 'content.save({\\"name\\": max(models)}, stage.work / \\"champion\\" / \\"model\\")'
    text = path.read_text().replace('{\\"name\\": max(models)}', f"{saved}.parent")
    path.write_text(text.replace("import Stage", "import Stage\\nfrom loopbook.store import content"))
    notebook(
        project.notebooks / "07_feedback.ipynb",
        {"reads": ["champion", "train"], "carries": ["rules"], "writes": ["proposals", "challenger"]},
        'scenario = "tiny"\nprofile = "standard"',
        "from loopbook.feedback import proposals\nfrom loopbook.store.stage import Stage",
        'stage = Stage.open("07_feedback", globals())',
        'stage.write("challenger", {"better": True})',
        """
        window = int(stage.read("train").x[0])
        outcome = {"row_id": f"r{window}", "content": "c", "label": 1}
        criterion = {"id": "asked", "kind": "criterion", "text": "It stays small", "stage": "02_data"}
        criterion |= {"metric": "total", "comparison": "<=", "threshold": 10.5}
        rule = {"name": "large", "text": '{"when": "x > 5", "action": "alert"}'}
        made = [
            proposals.make("outcomes", "Learn from 1 outcome", "It is known.", {}, {"outcomes": [outcome]}),
            proposals.make("rule", "Rule: alert where x > 5", "It saves.", {}, {"rule": rule}, "A person should read."),
            proposals.make("requirement", "A criterion", "They complain.", {}, {"requirement": criterion}, "Decide."),
        ]
        stage.write("proposals", [proposal.model_dump() for proposal in made])
        """,
    )
    return project


def run() -> Run:
    return session.run(session.read("tiny", "standard"), Console(file=io.StringIO()))


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def ids(project: Project) -> dict[str, str]:
    return {one.kind: one.id for one in rounds.proposed(project, "tiny", "standard")[1]}


def test_a_loop_runs_rounds_until_the_windows_end_and_then_there_is_nothing_to_do(agent: Project) -> None:
    done = call("loop", "--scenario", "tiny", "--rounds", "9")
    assert done.exit_code == 0, done.output
    assert "Round 2, window 3 of 3; approved:" in done.output
    assert "No fresh time is left: the agent has lived through 3 of 3 windows" in done.output
    last = latest(agent, "tiny")
    assert last is not None
    assert (last.round, last.stages["02_data"].metrics["window"], last.stages["02_data"].metrics["total"]) == (2, 3, 12)
    assert [(one.kind, one.by) for one in last.approved] == [("outcomes", "policy safe")]
    assert last.changes[0].sentence == "Approved by policy safe: Learn from 1 outcome."
    again = call("run", "--scenario", "tiny")
    assert (again.exit_code, "Nothing to do" in again.output) == (0, True)
    page = (agent.reports / "index.html").read_text()
    assert "Rounds, profile standard" in page and "Learn from 1 outcome" in page


def test_a_loop_that_approves_nothing_has_converged_and_changes_nothing(agent: Project) -> None:
    file = agent.scenarios / "tiny.yaml"
    file.write_text(file.read_text() + "feedback: {approve: none}\n")
    before = run()
    done = call("loop", "--scenario", "tiny", "--rounds", "3")
    assert "have converged" in done.output
    after = latest(agent, "tiny")
    assert after == before
    assert snapshots.history(agent, "tiny", "standard") == []


def test_a_run_whose_card_has_no_boundaries_has_to_run_again_before_it_is_approved(agent: Project) -> None:
    file = agent.notebooks / "02_data.ipynb"
    new = file.read_text()
    file.write_text(new.replace('\\"boundaries\\": [\\"2026-01-01\\"], ', ""))
    assert file.read_text() != new
    run()
    refused = call("approve", "all", "--scenario", "tiny")
    assert refused.exit_code == 2, refused.output
    assert "Run it again, then approve: make SCENARIO=tiny PROFILE=standard" in refused.output.replace("\n", " ")
    file.write_text(new)
    run()
    assert "Round 1 begins" in call("approve", "all", "--scenario", "tiny").output
    assert snapshots.current(agent, "tiny", "standard").boundaries == ["2026-01-01"]


def test_a_person_approves_by_id_and_the_next_run_differs_by_that_alone(agent: Project) -> None:
    before = run()
    listed = call("approve", "--scenario", "tiny")
    assert ids(agent)["rule"] in listed.output and "A person should read." in listed.output
    done = call("approve", ids(agent)["rule"], ids(agent)["requirement"], "--scenario", "tiny", "--by", "ann")
    assert done.exit_code == 0, done.output
    assert "Round 1 begins" in done.output
    refused = call("approve", "all", "--scenario", "tiny")
    assert refused.exit_code == 2 and "run it first" in refused.output.replace("\n", " ")
    assert "Taken back: round 1." in call("approve", "--undo", "--scenario", "tiny").output
    assert latest(agent, "tiny") == run(), "after going back there is nothing to do"
    call("approve", ids(agent)["rule"], ids(agent)["requirement"], "--scenario", "tiny", "--by", "ann")
    after = run()
    assert [(one.kind, one.by) for one in after.approved] == [("rule", "ann"), ("requirement", "ann")]
    changed = {
        (name, each)
        for name, stage in after.stages.items()
        for each, digest in stage.inputs.items()
        if before.stages[name].inputs[each] != digest and each.startswith("carried")
    }
    assert changed == {("02_data", "carried window"), ("07_feedback", "carried rules")}
    assert {each.id: each.met for each in after.criteria} == {"sum-large": True, "asked": True}
    lines = call("approve", "--scenario", "tiny").output.splitlines()
    told = {kind: next(line for line in lines if name in line) for kind, name in ids(agent).items()}
    assert {kind: "approved already" in line for kind, line in told.items()} == {
        "outcomes": False,
        "rule": True,
        "requirement": True,
    }
    snapshot = snapshots.current(agent, "tiny", "standard")
    assert snapshot.findings == [{"kind": "size", "text": "window 1"}]
    assert snapshot.boundaries == ["2026-01-01"], "the dates of the run that was approved, for good"
    assert snapshot.first is not None
    assert json.loads((champions.find(agent, snapshot.first) / "model.json").read_text()) == {"name": "two"}


def test_what_is_served_follows_what_was_approved_and_run_and_goes_back(agent: Project) -> None:
    before = run()
    assert newest(agent, "tiny", "standard") == before
    call("approve", ids(agent)["rule"], "--scenario", "tiny", "--by", "ann")
    assert newest(agent, "tiny", "standard") == before, "approved, and not run yet"
    after = run()
    assert newest(agent, "tiny", "standard") == after != before
    call("approve", "--undo", "--scenario", "tiny")
    assert newest(agent, "tiny", "standard") == before, "the run of the round that was taken back is still there"
    again = run()
    call("approve", ids(agent)["requirement"], "--scenario", "tiny", "--by", "ann")
    assert newest(agent, "tiny", "standard") == again, "it is another round 1 than the one that has run"


def test_in_the_last_window_it_is_said_that_labels_wait(agent: Project) -> None:
    call("loop", "--scenario", "tiny", "--rounds", "3")
    done = call("approve", ids(agent)["rule"], "--scenario", "tiny")
    assert "There is no fresh window" in done.output
    current = snapshots.current(agent, "tiny", "standard")
    assert (current.window, current.fresh) == (3, False)
    assert run().round == 3
    lived = call("run", "--scenario", "tiny", "--params", "data.window=2")
    assert lived.exit_code == 2 and "lived through it" in lived.output.replace("\n", " ")


def test_rows_are_not_dealt_anew_once_something_was_approved(agent: Project) -> None:
    run()
    call("approve", "safe", "--scenario", "tiny")
    file = agent.scenarios / "tiny.yaml"
    kept = file.read_text()
    file.write_text(kept.replace("windows: 3", "windows: 4"))
    refused = call("run", "--scenario", "tiny")
    assert refused.exit_code == 2 and "could stand in the test" in refused.output.replace("\n", " ")
    assert latest(agent, "tiny").round == 0  # type: ignore[union-attr]
    call("approve", "--undo", "--scenario", "tiny")
    assert call("run", "--scenario", "tiny").exit_code == 0, "before the first approval, windows may be changed"
    file.write_text(kept)
    call("approve", "safe", "--scenario", "tiny")
    assert call("run", "--scenario", "tiny").exit_code == 0


def test_approving_needs_a_run_and_known_ids(agent: Project) -> None:
    with pytest.raises(MissingInput, match="no run of tiny"):
        rounds.proposed(agent, "tiny", "standard")
    run()
    assert call("approve", "rule-00000000", "--scenario", "tiny").exit_code == 2
    assert "nothing changes" in call("approve", "none", "--scenario", "tiny").output
    both = call("approve", "all", "--undo", "--scenario", "tiny")
    assert both.exit_code == 2 and "takes back the whole last approval" in both.output
    scenario = session.read("tiny", "standard").resolved
    with pytest.raises(LoopbookError, match="Approve 'all'"):
        rounds.approve(agent, scenario, "standard", "some", "ann")  # type: ignore[arg-type]


def test_what_is_approved_while_a_run_goes_on_belongs_to_the_next(agent: Project) -> None:
    first = run()
    snapshot = Snapshot(round=1, window=2, rules={"large": '{"when": "x > 5", "action": "alert"}'})
    (agent.root / "snapshot.json").write_text(snapshot.model_dump_json())
    path = agent.notebooks / "07_feedback.ipynb"
    book = json.loads(path.read_text())
    book["cells"][2]["source"] += (
        "\nfrom loopbook.store import snapshots\nfrom loopbook.store.project import Project\n"
        "project = Project.find()\n"
        "text = (project.root / 'snapshot.json').read_text()\n"
        "snapshots.seal(project, 'tiny', 'standard', snapshots.Snapshot.model_validate_json(text))"
    )
    path.write_text(json.dumps(book))
    second = run()
    assert second.round == first.round == 0
    assert second.stages["07_feedback"].inputs["carried rules"] == first.stages["07_feedback"].inputs["carried rules"]
    assert snapshots.current(agent, "tiny", "standard").round == 1


def test_what_was_refused_is_not_proposed_as_new_and_no_policy_approves_it(agent: Project) -> None:
    record = run()
    known = ids(agent)
    silent = call("approve", known["outcomes"], "--refuse", "--scenario", "tiny")
    assert silent.exit_code == 2 and "Say why" in silent.output
    done = call("approve", known["outcomes"], "--refuse", "--reason", "too early", "--by", "ann", "--scenario", "tiny")
    assert done.exit_code == 0, done.output
    listed = call("approve", "--scenario", "tiny").output
    assert "refused" in listed and "ann: too early" in listed
    assert call("approve", "safe", "--scenario", "tiny").output.startswith("Nothing new was approved")
    refused = refusals.standing(agent, "tiny", "standard")
    assert (refused[known["outcomes"]].run, refused[known["outcomes"]].round) == (record.run, "0")
    refusals.take_back(agent, "tiny", "standard", known["outcomes"], "ann")
    with pytest.raises(LoopbookError, match="No refusal"):
        refusals.take_back(agent, "tiny", "standard", known["outcomes"], "ann")
    approved = call("approve", known["outcomes"], "--reason", "checked ten", "--by", "bob", "--scenario", "tiny")
    assert approved.exit_code == 0, approved.output
    (noted,) = snapshots.current(agent, "tiny", "standard").approved
    assert (noted["by"], noted["why"], noted["evidence"]) == ("bob", "checked ten", {})
    assert run().approved[0].why == "checked ten"


def test_who_names_a_refused_proposal_approves_it(agent: Project) -> None:
    record = run()
    rule = next(one for one in rounds.proposed(agent, "tiny", "standard")[1] if one.kind == "rule")
    refusals.refuse(agent, record, rule, "ann", "nobody read it")
    sealed = rounds.approve(agent, session.read("tiny", "standard").resolved, "standard", "all", "policy all")
    assert sealed is not None and not sealed.rules and sealed.outcomes
    snapshots.withdraw(agent, "tiny", "standard")
    sealed = rounds.approve(agent, session.read("tiny", "standard").resolved, "standard", [rule.id], "bob")
    assert sealed is not None and sealed.rules
