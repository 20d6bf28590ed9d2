"""`loopbook new` from files of interactions, items and users: who is the user, what is an item, what was taken."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loopbook.data import sources, validation
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.task import Ranking
from loopbook.store.project import Project
from tests.starter.test_beginning import new

WORDS = ("sea", "moor", "hill", "river", "stone", "cloud", "garden", "night", "letter", "house", "winter", "road")


def tables(seed: int = 1, count: int = 900) -> dict[str, pd.DataFrame]:
    """Return simulated loans of a library: who read what and when, the books, the readers."""
    random = np.random.default_rng(seed)
    books = pd.DataFrame(
        {
            "isbn": [f"978-{at:04d}" for at in range(60)],
            "title": [f"{random.choice(WORDS)} and {random.choice(WORDS)} {at}" for at in range(60)],
            "about": [" ".join(random.choice(WORDS, 12)) + f" {at}" for at in range(60)],
            "shelf": random.choice(["crime", "travel", "poetry"], 60),
            "pages": random.integers(80, 600, 60),
            "average_rating": random.random(60).round(2),
        }
    )
    readers = pd.DataFrame(
        {
            "card": [f"L{at:03d}" for at in range(50)],
            "age": random.integers(9, 90, 50),
            "mail": [f"reader{at}@example.org" for at in range(50)],
            "branch": random.choice(["north", "south"], 50),
        }
    )
    days = pd.to_datetime("2026-02-01") + pd.to_timedelta(np.sort(random.integers(0, 120, count)), unit="D")
    loans = pd.DataFrame(
        {
            "borrower": readers["card"].to_numpy()[random.integers(0, 50, count)],
            "copy": books["isbn"].to_numpy()[(60 * random.random(count) ** 2).astype(int)],
            "day": days.strftime("%Y-%m-%d"),
        }
    )
    return {"rows": loans, "items": books, "users": readers}


def begun(folder: Path, project: Project, made: dict[str, pd.DataFrame], *more: str) -> tuple[Scenario, str]:
    """Write the files, begin an agent, and return its scenario and what was printed."""
    for part, frame in made.items():
        frame.to_csv(folder / f"{part}.csv", index=False)
    named = [word for part in ("items", "users") if part in made for word in (f"--{part}", str(folder / f"{part}.csv"))]
    done = new("library", folder / "rows.csv", *named, *more)
    assert done.exit_code == 0, done.output
    return load("library", project.scenarios), done.output


def valid(project: Project, scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    collected = sources.collect(scenario.source, project.root, project.raw)
    return validation.validate(collected, scenario, date(2026, 11, 30))


def test_of_loans_alone_all_are_taken_and_others_are_drawn(tmp_path: Path, empty_project: Project) -> None:
    scenario, said = begun(tmp_path, empty_project, tables())
    task = scenario.task
    assert isinstance(task, Ranking)
    assert (task.query, task.item, scenario.source.time, task.negatives) == ("borrower", "copy", "day", 4)
    assert scenario.source.joined == {"items": ("isbn", "copy"), "users": ("card", "borrower")}
    assert {name: task.fields[name] for name in ("title", "about", "shelf", "pages", "branch")} == {
        "title": "text",
        "about": "text",
        "shelf": "category",
        "pages": "number",
        "branch": "category",
    }
    assert scenario.studies.lists is not None and scenario.studies.lists.title == "title"
    assert scenario.source.protected == ("age",) and "mail" not in task.fields
    assert "average_rating" not in task.fields and "may have been counted later" in said
    rows, quarantine = valid(empty_project, scenario)
    assert 0.15 < rows["label"].mean() < 0.25 and not len(quarantine)
    assert "@example.org" not in rows.to_csv()


@pytest.mark.parametrize(
    ("name", "values", "yes"),
    [
        ("stars", ["1", "2", "3", "4", "5"], (4, 5)),
        ("event", ["view", "addtocart", "transaction"], ("transaction",)),
        ("clicked", ["0", "1"], (1,)),
    ],
)
def test_what_was_taken_is_read_from_ratings_events_and_marks(
    name: str, values: list[str], yes: tuple[Any, ...], tmp_path: Path, empty_project: Project
) -> None:
    made = tables()
    made["rows"][name] = np.random.default_rng(3).choice(values, len(made["rows"]))
    scenario, _ = begun(tmp_path, empty_project, {"rows": made["rows"], "items": made["items"]})
    label = scenario.task.label
    assert (label.column, label.positive, scenario.task.negatives) == (name, yes, 0)  # type: ignore[union-attr]
    rows, _ = valid(empty_project, scenario)
    share = pd.Series(made["rows"][name]).isin([str(value) for value in yes]).mean()
    assert rows["label"].mean() == pytest.approx(share)


def test_one_file_is_enough_where_names_say_who_and_what(tmp_path: Path, empty_project: Project) -> None:
    frame = tables()["rows"].rename(columns={"borrower": "userId", "copy": "movieId", "day": "timestamp"})
    frame["rating"] = np.random.default_rng(4).integers(1, 11, len(frame)) / 2
    scenario, _ = begun(tmp_path, empty_project, {"rows": frame}, "--task", "ranking")
    assert (scenario.task.query, scenario.task.item) == ("userId", "movieId")  # type: ignore[union-attr]
    assert scenario.task.label.positive == (4, "4.5", 5)  # type: ignore[union-attr]
    assert {"query_taken", "item_taken", "pair_taken"} <= set(scenario.task.fields)


def test_loans_without_a_partner_are_counted_and_said(tmp_path: Path, empty_project: Project) -> None:
    made = tables()
    made["items"] = made["items"].iloc[:50]
    scenario, said = begun(tmp_path, empty_project, made)
    assert "no-items" in said
    assert scenario.data.max_quarantine_share >= 0.2
    assert len(valid(empty_project, scenario)[1])


@pytest.mark.parametrize(
    ("part", "column", "message"),
    [
        ("items", "isbn", "No column of the interactions names the rows of the items"),
        ("users", "card", "No column of the interactions names the rows of the users"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused_and_nothing_is_written(
    part: str, column: str, message: str, tmp_path: Path, empty_project: Project
) -> None:
    made = tables()
    made[part][column] = [f"x{at}" for at in range(len(made[part]))]
    for name, frame in made.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    words = ("--items", str(tmp_path / "items.csv"), "--users", str(tmp_path / "users.csv"))
    done = new("library", tmp_path / "rows.csv", *words)
    assert done.exit_code == 2 and message in " ".join(done.output.split())
    assert not list(empty_project.scenarios.iterdir()) and not empty_project.data.exists()
