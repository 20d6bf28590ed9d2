"""A challenger on live traffic, in shadow and on a share: recorded, replayed, and harmless where it fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO
from tests.service.test_following import asked

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.policies import Threshold
from loopbook.decisions.replay import Budget
from loopbook.operations import rounds, trials
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.service import keys, replaying
from loopbook.service.agent import Served
from loopbook.service.deciding import Asked
from loopbook.service.following import Following
from loopbook.store import challengers, content, lookup, snapshots
from loopbook.store.challengers import Trial
from loopbook.store.project import Project

TEXTS = [f"Recall: ACME withdraws product {number}, shares fell" for number in range(40)]


@pytest.fixture
def scenario(own: Project) -> Scenario:
    return Served.load(own, SCENARIO, "smoke").scenario


@contextmanager
def following(own: Project, engine: Engine, **settings: object) -> Iterator[Following]:
    """Serve the champion, looking by hand."""
    served = Served.load(own, SCENARIO, "smoke")
    patient = served.scenario.service.model_copy(update={"follow_seconds": 3_600.0, **settings})
    given = served.scenario.model_copy(update={"service": patient})
    with Writer(engine, served.name) as writer, Following(served, given, engine, writer, Budget(0.1)) as behind:
        yield behind


def decide(behind: Following, texts: list[str] = TEXTS) -> list[Stored]:
    return [stored for text in texts for stored in behind.decide(asked(text)).result(20)]


def entries(engine: Engine, kind: str, many: int = 0) -> list[Stored]:
    """Return the entries of a kind, once there are so many."""
    until = time.monotonic() + 20
    while len(found := list(reader.entries(engine, f"{SCENARIO}/smoke", kinds=[kind]))) < many:
        assert time.monotonic() < until, f"{len(found)} of {many}"
        time.sleep(0.02)
    return found


def test_a_shadow_decides_beside_the_champion_and_is_replayed(own: Project, engine: Engine, scenario: Scenario) -> None:
    with following(own, engine) as behind:
        (before,) = decide(behind, TEXTS[:1])
        trial = trials.start(own, scenario, "smoke", "ann", mode="shadow")
        behind.look()
        decided = decide(behind)
        shadows = entries(engine, "shadow", len(decided))
    assert "trial" not in before.facts and {stored.facts["trial"]["arm"] for stored in decided} == {"champion"}
    assert {stored.facts["versions"]["run"] for stored in decided} == {before.facts["versions"]["run"]}
    by_id = {stored.facts["decision_id"]: stored for stored in shadows}
    for stored in decided:
        shadow = by_id[stored.id]
        assert shadow.payload is None and shadow.payload_digest is None, "what came from a person stands once"
        assert shadow.facts["versions"]["model"] == trial.model != stored.facts["versions"]["model"]
        assert shadow.facts["trial"]["id"] == stored.facts["trial"]["id"]
    records = replaying.sample(engine, 100, seed=1)
    assert [record.kind for record in records].count("shadow") == len(decided)
    found = replaying.replay(own, records)
    assert found.faithful and found.same == 2 * len(decided) + 1
    assert reader.runs(engine) == {f"{SCENARIO}/{lookup.newest(own, SCENARIO, 'smoke').run}"}
    deciding = reader.deciding(engine, f"{SCENARIO}/smoke", datetime.now(UTC))
    assert deciding is not None and deciding.facts["versions"] == before.facts["versions"]


def test_a_share_of_the_rows_is_the_challengers_whenever_they_are_asked_about(
    own: Project, engine: Engine, scenario: Scenario
) -> None:
    trial = trials.start(own, scenario, "smoke", "ann", mode="share", share=0.4)
    with following(own, engine) as behind:
        requests = [{"id": f"r{at}", "time": None, "fields": {"text": text}} for at, text in enumerate(TEXTS)]
        batch = behind.decide(Asked(requests, "ann", None, "digest")).result(20)
        again = [behind.decide(Asked([one], "ann", None, "d")).result(20)[0] for one in requests[:8]]
        arms = [stored.facts["trial"]["arm"] for stored in batch]
        assert 8 <= arms.count("challenger") <= 24
        assert [stored.facts["trial"]["arm"] for stored in again] == arms[:8]
        for stored in batch:
            theirs = stored.facts["versions"].get("challenger") == trial.challenger
            assert theirs == (stored.facts["trial"]["arm"] == "challenger")
            assert theirs == (stored.facts["versions"]["model"] == trial.model)
        mine = next(stored for stored in batch if stored.facts["trial"]["arm"] == "challenger")
        assert behind.explain(mine, 20.0)["parts"]
        assert not entries(engine, "shadow")
        trials.stop(own, SCENARIO, "smoke", "ann", "enough")
        behind.look()
        assert "trial" not in decide(behind, TEXTS[:1])[0].facts
    assert replaying.replay(own, replaying.sample(engine, 100, seed=1)).faithful
    acts = [stored.facts for stored in entries(engine, "admin") if stored.facts["act"].startswith("trial")]
    assert [(act["act"], act["by"]) for act in acts] == [("trial-began", "ann"), ("trial-ended", "ann")]


def test_a_challenger_that_fails_is_taken_off_and_nobody_notices(
    own: Project, engine: Engine, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials.start(own, scenario, "smoke", "ann", mode="share", share=0.5)
    with following(own, engine) as behind:
        arms = behind._arms
        assert arms is not None
        object.__setattr__(arms, "challenger", None)
        found = decide(behind)
    assert all("challenger" not in stored.facts["versions"] for stored in found) and len(found) == len(TEXTS)
    ended = [stored.facts for stored in entries(engine, "admin") if stored.facts["act"] == "trial-ended"]
    assert len(ended) == 1 and "failed" in ended[0]["why"]


def test_a_scenario_may_want_none_and_what_is_not_there_is_said(
    own: Project, engine: Engine, scenario: Scenario
) -> None:
    trial = trials.start(own, scenario, "smoke", "ann")
    with following(own, engine, challenger="none") as behind:
        assert "trial" not in decide(behind, TEXTS[:1])[0].facts
    none = scenario.service.model_copy(update={"challenger": "none"})
    with pytest.raises(LoopbookError, match="wants no challenger"):
        trials.start(own, scenario.model_copy(update={"service": none}), "smoke", "ann")
    (challengers.find(own, trial.challenger) / "policy.json").write_text("{}")
    with following(own, engine) as behind:
        assert "trial" not in decide(behind, TEXTS[:1])[0].facts, "a challenger that was changed decides nothing"
    trials.stop(own, SCENARIO, "smoke", "ann", "broken")
    with pytest.raises(LoopbookError, match="on trial"):
        trials.stop(own, SCENARIO, "smoke", "ann", "again")


def acting(own: Project, trial: Trial, scenario: Scenario, threshold: float, work: Path) -> Trial:
    """Put the same model on trial with a policy that acts from another threshold."""
    folder = work / "other"
    shutil.copytree(challengers.find(own, trial.challenger), folder)
    policy = Threshold(actions=scenario.task.actions, threshold=threshold, origin="a test")
    content.write_json(folder / "policy.json", policy.model_dump(mode="json"))
    other = trial.model_copy(update={"challenger": challengers.keep(own, folder, {"model": trial.model})})
    challengers.begin(own, SCENARIO, "smoke", other)
    return other


def test_what_the_log_shows_is_proposed_and_approved_as_all_else(
    own: Project, engine: Engine, scenario: Scenario, tmp_path: Path
) -> None:
    name = f"{SCENARIO}/smoke"
    keys.create(engine, name, "back-office", "admin", "ann")
    keys.create(engine, name, "website", "caller", "ann")
    no, yes = scenario.task.label.classes
    requests = [{"id": None, "time": None, "fields": {"text": f"A quiet day, number {at}"}} for at in range(300)]
    with following(own, engine) as behind, Writer(engine, name) as writer:
        idle = decide(behind, ["A quiet day, number 7"])[0].facts["action"] == scenario.task.actions[0]
        begun = trials.start(own, scenario, "smoke", "ann", mode="shadow")
        trial = acting(own, begun, scenario, 0.0 if idle else 1.0, tmp_path)
        behind.look()
        decided = behind.decide(Asked(requests, "ann", None, "digest")).result(20)
        entries(engine, "shadow", len(decided))
        for stored in decided:  # made up: who does the opposite is right, whatever the website's users say
            for caller, label in (("back-office", yes if idle else no), ("website", no if idle else yes)):
                facts = {"decision_id": stored.id, "label": label, "caller": caller, "user": "u"}
                writer.append([Entry("feedback", new_id(), facts)])
    found = trials.look(own, scenario, "smoke", engine)
    assert found is not None and found.known == len(decided) == found.challenger
    assert found.losses[0] >= found.losses[1]
    assert found.test.finding == "better", found
    (best,) = (one for one in rounds.proposed(own, SCENARIO, "smoke")[1] if one.kind == "champion")
    assert best.change == {"champion": trial.model} and best.safe and best.evidence["live traffic"] == "shadow"
    sealed = rounds.approve(own, scenario, "smoke", [best.id], "ann")
    assert sealed is not None and sealed.champion == trial.model
    assert snapshots.withdraw(own, SCENARIO, "smoke") is not None
    assert snapshots.current(own, SCENARIO, "smoke").champion is None
