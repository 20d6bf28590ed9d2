"""The log is sealed up to a watermark: what is new makes another extract, and nothing else does."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sqlalchemy import delete, update

from loopbook.decisions.audit import database, forgetting
from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.writer import Writer
from loopbook.feedback import reviewing, usability
from loopbook.feedback.reviewing import Review
from loopbook.operations import sealing
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.store import sealed
from loopbook.store.project import Project
from loopbook.store.sealed import SAID, SERVED, USED, Sealed


@pytest.fixture
def scenario(project: Project) -> Scenario:
    found = load("tiny", project.scenarios)  # one answer settles a review: by default a share of ids asks for two
    return found.model_copy(update={"service": found.service.model_copy(update={"review_twice": 0.0})})


def decision(row: str, day: int, **facts: Any) -> Entry:
    """Return a decision on a row, on a day of March."""
    payload = {
        "row_id": row,
        "time": f"2026-03-{day:02}T10:00:00+00:00",
        "fields": {"x": 1.0},
        "attributes": {"a": "b"},
    }
    return Entry("decision", new_id(), {"action": "yes", "scores": {"no": 0.25, "yes": 0.75}, **facts}, payload)


def write(project: Project, *entries: Entry, agent: str = "tiny/standard") -> None:
    engine = database.connect(project)
    with Writer(engine, agent) as writer:
        writer.append(entries).result()
    engine.dispose()


def test_an_agent_that_was_never_served_carries_nothing(project: Project, scenario: Scenario) -> None:
    assert sealing.seal(project, scenario, "standard") == Sealed()
    assert Sealed().digest(SERVED) == Sealed().digest(SAID) == sealed.NOTHING
    assert not (project.state / "service.sqlite").exists(), "asking makes no database"
    write(project, decision("a", 1), agent="tiny/smoke")
    assert sealing.seal(project, scenario, "standard") == Sealed(), "another profile's agent is another agent"


def test_decisions_come_in_the_order_of_time_then_row_with_the_feedback_on_them(
    project: Project, scenario: Scenario
) -> None:
    first = decision("b", 2)
    said = Entry("feedback", new_id(), {"decision_id": first.id, "user": "u1", "label": "no"}, {"comment": "no"})
    stray = Entry("feedback", new_id(), {"decision_id": "nobody-knows", "user": "u1", "label": "no"})
    write(project, first, decision("c", 1), decision("a", 2), said, stray)
    found = sealing.seal(project, scenario, "standard")
    decisions, feedback = (sealed.load(project, found.part(name)) for name in (SERVED, SAID))
    assert decisions["row_id"].tolist() == ["c", "a", "b"]
    assert (
        decisions["scores"].iloc[0] == '{"no": 0.25, "yes": 0.75}' and decisions["attributes"].iloc[0] == '{"a": "b"}'
    )
    assert feedback["decision_id"].tolist() == [first.id]


def test_how_the_pages_were_used_is_a_part_of_its_own(project: Project, scenario: Scenario) -> None:
    made = decision("a", 1)
    review = Review("", made.id, "ann", "accept", "yes", "yes", seconds=8.0)
    asked = usability.questionnaire("ann", "a-key", [4, 2] * 5, "clear", "once")
    write(project, made, reviewing.entry(scenario, review, "a-key"), reviewing.abandoned(made.id, "bob", 300.0), asked)
    found = sealing.seal(project, scenario, "standard")
    used, said = (sealed.load(project, found.part(name)) for name in (USED, SAID))
    assert used["event"].tolist() == ["reviewed", "abandoned", "questionnaire"]
    assert used["sus"].tolist()[-1] == 75 and used["seconds"].tolist()[:2] == [8.0, 300.0]
    assert len(said) == 1, "what was left or asked besides is no feedback on a decision"


def test_reviews_answer_what_waited_and_what_was_taken_back_is_left_out(project: Project, scenario: Scenario) -> None:
    asked, other = decision("a", 1, action="review", reasons="Unsure."), decision("b", 2, reasons="Sure.")
    said = [
        reviewing.entry(scenario, Review("", of, "ann", "correct", "yes", "yes"), "a-key")
        for of in (asked.id, other.id)
    ]
    (gone,) = [Review(said[1].id, other.id, "ann", "correct", "yes", "yes")]
    rehearsed = reviewing.entry(scenario, Review("", "r1", "ann", "accept", "no", "no"), "k", payload={"row_id": "z"})
    write(project, asked, other, *said, reviewing.undo(gone, "a-key"), rehearsed)
    found = sealing.seal(project, scenario, "standard")
    decisions, feedback = (sealed.load(project, found.part(name)) for name in (SERVED, SAID))
    assert decisions["action"].tolist() == ["alert", "yes"] and decisions["verdict"].tolist()[0] == "alert"
    assert decisions["reasons"].tolist() == ["Unsure. The reviewer decided: alert.", "Sure."]
    assert set(feedback["id"]) == {said[0].id, rehearsed.id}


def test_reviews_of_a_rehearsal_are_sealed_where_nothing_was_served(project: Project, scenario: Scenario) -> None:
    write(
        project, reviewing.entry(scenario, Review("", "r1", "ann", "accept", "no", "no"), "k", payload={"row_id": "z"})
    )
    found = sealing.seal(project, scenario, "standard")
    assert sealed.load(project, found.part(SAID))["decision_id"].tolist() == ["r1"] and not found.part(SERVED)


def test_only_what_is_new_makes_another_extract(project: Project, scenario: Scenario) -> None:
    write(project, decision("a", 1))
    first = sealing.seal(project, scenario, "standard")
    write(project)  # a process that came and went
    assert sealing.seal(project, scenario, "standard") == first
    write(project, decision("b", 2))
    second = sealing.seal(project, scenario, "standard")
    assert second.digest(SERVED) != first.digest(SERVED) and second.digest(SAID) == first.digest(SAID)
    assert len(sealed.load(project, first.part(SERVED))) == 1, "what was sealed stays as it was"
    (project.state / "service.sqlite").unlink()
    assert sealing.seal(project, scenario, "standard") == second, "without a log, what was sealed last"


def test_the_latest_days_count_by_the_clock_of_the_service(project: Project, scenario: Scenario) -> None:
    entries = decision("old", 1), decision("new", 20), decision("newest", 29)
    entries[1].payload["time"] = "2198-03-20T10:00:00+00:00"  # what a caller says of time pushes nobody out
    write(project, *entries)
    engine = database.connect(project)
    with database.writing(engine) as connection:
        for entry, day in zip(entries, (1, 20, 29), strict=True):
            written = f"2026-05-{day:02}T10:00:00.000000Z"
            connection.execute(update(RECORDS).where(RECORDS.c.id == entry.id).values(written=written))
        connection.execute(delete(RECORDS).where(RECORDS.c.kind == "admin"))
    engine.dispose()
    few = scenario.model_copy(update={"decisions": scenario.decisions.model_copy(update={"served_days": 10})})
    rows = [
        sealed.load(project, sealing.seal(project, asked, "standard").part(SERVED))["row_id"].tolist()
        for asked in (scenario, few)
    ]
    assert rows == [["old", "newest", "new"], ["newest", "new"]]


def test_what_a_person_had_forgotten_is_in_the_log_and_its_row_is_not(project: Project, scenario: Scenario) -> None:
    gone = decision("gone", 1)
    write(project, gone, decision("kept", 2))
    engine = database.connect(project)
    forgetting.forget(engine, project.state, gone.id, "somebody")
    engine.dispose()
    found = sealed.load(project, sealing.seal(project, scenario, "standard").part(SERVED))
    assert found.set_index("decision_id").loc[gone.id, ["row_id", "time"]].isna().all()
    assert found.set_index("decision_id").loc[gone.id, "fields"] == "{}"


def test_progress_is_told_where_it_lasts(project: Project, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, *(decision(f"row-{number}", 1) for number in range(3)))
    monkeypatch.setattr(sealing, "PATIENCE", -1.0)
    told: list[str] = []
    sealing.seal(project, scenario, "standard", told.append)
    assert told[0] == "Sealing what tiny has decided as a service: 1 of at most 5 entries"
    assert isinstance(sealed.load(project, ""), pd.DataFrame)
