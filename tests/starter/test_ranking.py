"""`loopbook new` from files of interactions, items and users: who is the user, what is an item, what was taken."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loopbook.data import cleaning, coverage, sources, splitting, validation
from loopbook.data.features import Features
from loopbook.models import seen_rows
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


@pytest.mark.parametrize(
    ("scale", "often", "unrated"),
    [
        (range(11), 0, "0"),  # books rated 1 to 10, most of them not at all
        (range(-1, 11), 7, "-1"),
        (range(6), 3, ""),  # nothing stands out: 0 is the least of six
        (range(1, 6), 1, ""),
    ],
)
def test_what_stands_for_no_rating_is_no_rating(
    scale: range, often: int, unrated: str, tmp_path: Path, empty_project: Project
) -> None:
    made, random = tables()["rows"], np.random.default_rng(5)
    made["rating"] = np.where(random.random(len(made)) < 0.5, often, random.choice(scale, len(made)))
    made = made.astype({"rating": object})
    made.loc[made.index[::40], "rating"] = "NULL"  # what is no rating in any column stays none
    scenario, said = begun(tmp_path, empty_project, {"rows": made}, "--task", "ranking")
    assert scenario.source.missing == ({"rating": ("NULL", unrated)} if unrated else {})
    assert (f"{unrated} in 'rating'" in said and "is read as no rating" in said) == bool(unrated)
    rows, quarantine = valid(empty_project, scenario)
    rating = pd.to_numeric(made["rating"], errors="coerce")
    assert len(quarantine) == rating.isna().sum() + (rating == int(unrated or -9)).sum()
    assert rows["label"].mean() == pytest.approx((rating >= 0.8 * max(scale)).sum() / len(rows))


def test_prices_of_items_are_numbers_with_their_unit_and_what_means_none(
    tmp_path: Path, empty_project: Project
) -> None:
    made = tables()
    made["items"]["price"] = [f"${at / 4:.2f}" if at % 9 else "n.a." for at in range(60)]
    made["rows"]["day"] = made["rows"]["day"].where(np.arange(len(made["rows"])) != 5, "-")
    scenario, _ = begun(tmp_path, empty_project, made)
    assert scenario.task.fields["price"] == "number"
    rows, quarantine = valid(empty_project, scenario)
    assert list(quarantine["reason"]) == ["missing-time"]
    assert rows["price"].max() == 59 / 4 and 0 < rows["price"].isna().mean() < 0.3


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


def orders(rows: int = 800) -> pd.DataFrame:
    """Return simulated lines of orders: several parts an order, some without a customer, some given back."""
    random = np.random.default_rng(5)
    part = random.integers(0, 40, rows)
    return pd.DataFrame(
        {
            "InvoiceNo": 536_365 + np.sort(random.integers(0, 400, rows)),
            "StockCode": [f"{20_000 + at}B" for at in part],
            "Description": [f"{WORDS[at % 12]} lamp no {at}" for at in part],
            "Quantity": np.where(random.random(rows) < 0.05, -1, random.integers(1, 9, rows)),
            "InvoiceDate": pd.date_range("2026-01-02 08:26", periods=rows, freq="47min").strftime("%Y-%m-%d %H:%M"),
            "CustomerID": [f"{at}" if random.random() > 0.2 else "" for at in random.integers(12_346, 12_400, rows)],
        }
    )


def test_an_item_is_what_is_ordered_and_nothing_is_drawn_beside_an_order_of_nobody(
    tmp_path: Path, empty_project: Project
) -> None:
    frame = orders()
    scenario, said = begun(tmp_path, empty_project, {"rows": frame}, "--task", "ranking")
    assert (scenario.task.query, scenario.task.item) == ("CustomerID", "StockCode")  # type: ignore[union-attr]
    back, nobody = (frame["Quantity"] < 0).mean(), int((frame["CustomerID"] == "").sum())
    assert f"{back:.1%} of 'Quantity' are negative, as of what is given back; they count as taken" in said
    assert "the same for each item: with one row an item in a file of their own" in " ".join(said.split())
    rows, quarantine = valid(empty_project, scenario)
    assert list(quarantine["reason"]) == ["missing-query"] * nobody
    assert rows["label"].sum() == len(frame) - nobody and len(rows) > 4.5 * rows["label"].sum()


@pytest.mark.parametrize("columns", [("user", "item"), ("userID", "artistID"), ("visitorid", "itemid")])
def test_without_a_time_or_any_field_each_user_is_known_to_train(
    columns: tuple[str, str], tmp_path: Path, empty_project: Project
) -> None:
    frame = tables()["rows"][["borrower", "copy"]].drop_duplicates().set_axis([*columns], axis=1)
    scenario, _ = begun(tmp_path, empty_project, {"rows": frame}, "--task", "ranking")
    assert (scenario.task.query, scenario.task.item, scenario.task.fields) == (*columns, {})  # type: ignore[union-attr]
    rows, _ = cleaning.deduplicate(valid(empty_project, scenario)[0], scenario)
    splits = splitting.split(rows, scenario)
    assert set(splits["test"]["query"]) <= set(splits["train"]["query"])
    assert splitting.proof(splits, scenario)["holds"].all()
    assert coverage.coverage(Features.fit(splits["train"], scenario), splits)["unknown"]["train"] == 0
    assert len(set(seen_rows.hashes(Features.fit(splits["train"], scenario), rows))) == len(rows)


@pytest.mark.parametrize(
    ("often", "taken"),
    [
        ((900, 5, 5), ()),
        ((500, 300, 100), ("addtocart", "transaction")),
        ((300, 100, 500), ("transaction",)),
        ((0, 0, 900), ()),
    ],
)
def test_the_strongest_events_are_taken_of_which_there_are_enough(
    often: tuple[int, int, int], taken: tuple[str, ...], tmp_path: Path, empty_project: Project
) -> None:
    frame = tables(count=sum(often))["rows"].rename(columns={"borrower": "visitorid", "copy": "itemid"})
    frame["event"] = np.random.default_rng(6).permutation(np.repeat(["view", "addtocart", "transaction"], often))
    scenario, _ = begun(tmp_path, empty_project, {"rows": frame}, "--task", "ranking")
    assert set(scenario.task.label.positive) == ({*taken} or {"yes"})  # type: ignore[union-attr]
    assert scenario.task.negatives == (0 if taken else 4)  # type: ignore[union-attr]
    share = sum(frame["event"].isin(taken)) / len(frame)
    if taken:
        assert load(scenario.name, empty_project.scenarios, "smoke").data.rows * share >= 200  # type: ignore[operator]


def test_items_may_repeat_a_key_and_a_name_of_an_item_is_no_persons(tmp_path: Path, empty_project: Project) -> None:
    made = tables()
    made["items"] = pd.concat([made["items"], made["items"].head(4)]).rename(columns={"title": "name"})
    scenario, said = begun(tmp_path, empty_project, made)
    assert "4 rows of items repeat a key ('isbn'): of each, the first counts" in said
    assert scenario.task.fields["name"] == "text" and not scenario.source.tables["items"].personal  # type: ignore[union-attr]
    assert "users: 'mail'" in said and "'age'" in said
    assert not len(valid(empty_project, scenario)[1])


@pytest.mark.parametrize("column", ["borrower", "copy"])
def test_one_user_or_one_item_is_refused(column: str, tmp_path: Path, empty_project: Project) -> None:
    frame = tables()["rows"].rename(columns={"borrower": "user", "copy": "item"})
    frame[{"borrower": "user", "copy": "item"}[column]] = "alone"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    done = new("library", tmp_path / "rows.csv", "--task", "ranking")
    assert done.exit_code == 2 and "All rows are of one" in done.output


def test_further_files_of_another_task_are_refused_with_what_to_do(tmp_path: Path, empty_project: Project) -> None:
    for name, frame in tables().items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    done = new("library", tmp_path / "rows.csv", "--users", str(tmp_path / "users.csv"), "--task", "binary")
    assert done.exit_code == 2 and "the scenario as source.tables" in " ".join(done.output.split())
