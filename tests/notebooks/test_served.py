"""What the agent decides as a service is watched and taught by the same notebooks as what it replays."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine
from tests.service.started import Service
from tests.smoke import ROOT, Place, Ran

from loopbook.data.features import Features
from loopbook.decisions.audit import database
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.models import seen_rows
from loopbook.requirements import interface
from loopbook.service.agent import Served
from loopbook.service.client import Client
from loopbook.service.schemas import Wire
from loopbook.simulation.shop.truth import EXAMINATION, truth
from loopbook.store import records
from loopbook.store.project import Project

SAME = {"decision_id"}
"""Columns of the log that are another's for another writer: in the service they are random."""


def project(place: Place) -> Project:
    return Project(ROOT, place.folder / "data", place.folder / "reports")


def copied(ran: Ran, place: Callable[[str], Place], name: str) -> Place:
    """Return a copy of a smoke run's folder, in which one may go on."""
    where = place(name)
    for part in ("data", "reports"):
        shutil.copytree(ran[0].folder / part, where.folder / part)
    return where


def table(where: Place, record: Mapping[str, Any], name: str) -> pd.DataFrame:
    return pd.read_parquet(artifact(where, record, name))


def artifact(where: Place, record: Mapping[str, Any], name: str) -> Any:
    return next(
        where.folder / "data" / stage["artifacts"][name]
        for stage in record["stages"].values()
        if name in stage["artifacts"]
    )


def plain(where: Place, record: Mapping[str, Any], name: str) -> Any:
    return json.loads(artifact(where, record, name).read_text(encoding="utf-8"))


def asked(rows: pd.DataFrame, served: Served) -> list[dict[str, Any]]:
    """Return rows as a caller would send them, attributes with them."""
    found = []
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        watched = {name: row.get(name) for name in interface.attributes(served.scenario)}
        fields = {name: row[name] for name in served.scenario.task.fields}
        time = None if row["time"] is None else row["time"].isoformat()
        found.append(
            {"id": row["row_id"], "time": time, "fields": fields} | ({"attributes": watched} if watched else {})
        )
    return found


@contextmanager
def log(where: Place) -> Iterator[Engine]:
    engine = database.connect(project(where))
    yield engine
    engine.dispose()


def decide(where: Place, scenario: str, requests: Sequence[Mapping[str, Any]]) -> list[Stored]:
    """Let the served agent decide, and write it to the log."""
    served, stored = Served.load(project(where), scenario, "smoke"), []
    budget, form = Budget(served.agent.capacity), interface.request_model(served.scenario)
    checked = [form.model_validate_json(json.dumps(request)).model_dump(by_alias=True) for request in requests]
    with log(where) as engine, Writer(engine, served.name) as writer:
        for start in range(0, len(checked), 7):
            entries = served.decide(served.prepare(checked[start : start + 7]), budget)
            stored += writer.append(entries).result()
    return stored


def by_http(where: Place, requests: Sequence[Mapping[str, Any]]) -> None:
    """Send a day by HTTP; its worker is killed twice, each time while it decides, and the caller goes on."""
    with (
        log(where) as engine,
        Service(project(where), engine, "market-monitor", workers=1) as running,
        Client(running.address, running.key, attempts=30) as client,
    ):
        for start in range(0, len(requests), 60):
            key, asked = f"day-{start}", requests[start : start + 60]
            if start not in (120, 360):
                client.decide(asked, key)
                continue
            killing = threading.Timer(0.02, os.kill, (running.workers[0], signal.SIGKILL))
            killing.start()
            first = client.decide(asked, key)
            killing.join()
            assert client.decide(asked, key) == first, "what was acknowledged is not decided again"


@pytest.fixture(scope="module")
def lived(ran: Ran, place: Callable[[str], Place]) -> Ran:
    """Return the default agent after it has decided its stream as a service, and its next run."""
    where = copied(ran, place, "served")
    served = Served.load(project(where), "market-monitor", "smoke")
    by_http(where, asked(table(where, ran[1], "stream"), served))
    return where, where.run("market-monitor")


def test_a_served_stream_gives_the_same_decisions_alerts_and_proposals_as_the_replayed_one(
    ran: Ran, lived: Ran
) -> None:
    (before, was), (where, now) = ran, lived
    states = {name: stage["state"] for name, stage in now["stages"].items()}
    assert {name for name, state in states.items() if state == "done"} == {
        "05_decisions",
        "06_monitoring",
        "07_feedback",
    }
    replayed, decided = table(before, was, "decisions"), table(where, now, "decisions")
    assert list(replayed) == list(decided) and decided["decision_id"].is_unique
    pd.testing.assert_frame_equal(replayed.drop(columns=[*SAME]), decided.drop(columns=[*SAME]), rtol=0, atol=1e-5)
    for name in ("scores", "lived", "alerts", "answers", "to_label"):
        pd.testing.assert_frame_equal(table(before, was, name), table(where, now, name), rtol=0, atol=1e-5)
    assert plain(before, was, "proposals") == plain(where, now, "proposals")
    told = now["stages"]["05_decisions"]["metrics"]
    assert (told["stream"], told["stream_versions"], told["stream_watched"]) == ("served", 1, len(decided))
    assert was["stages"]["05_decisions"]["metrics"]["stream"] == "replayed"
    assert told["stream_from"] == decided["time"].min().isoformat()
    index = (where.folder / "reports" / "index.html").read_text(encoding="utf-8")
    page = (where.folder / "reports" / "market-monitor" / "latest" / "05_decisions.html").read_text(encoding="utf-8")
    assert f"Served: {len(decided):,} decisions from" in index and "by 1 version of the agent" in index
    assert "Served" in page


def test_nothing_new_in_the_log_is_nothing_to_do_and_what_is_new_is_named(lived: Ran) -> None:
    where, now = lived
    kept = sorted((where.folder / "data" / "store" / "sealed").iterdir())
    with log(where) as engine, Writer(engine, "market-monitor/smoke"):
        pass  # a process that comes and goes decides nothing
    assert "Nothing to do" in where.python("-m", "loopbook", "run", "--profile", "smoke").stdout
    assert sorted((where.folder / "data" / "store" / "sealed").iterdir()) == kept
    first = asked(table(where, now, "lived").head(1), Served.load(project(where), "market-monitor", "smoke"))[0]
    new = first | {"id": "new", "fields": {"text": "A new post, about the new recall of all products."}}
    decide(where, "market-monitor", [new, first | {"id": "again"}])
    told = where.python("-m", "loopbook", "why", "--profile", "smoke").stdout
    assert "input sealed served (decided and said since, where the agent is served)" in told


NEW_ROWS = 260


@pytest.fixture(scope="module")
def treated(clinic: Ran, place: Callable[[str], Place]) -> Ran:
    """Return the agent of a real table after it has decided about cases that no split holds, and was told of some."""
    where = copied(clinic, place, "treated")
    served = Served.load(project(where), "clinic-triage", "smoke")
    rows = table(where, clinic[1], "train")
    rows = rows.sample(NEW_ROWS, replace=True, random_state=1).reset_index(drop=True)
    numbers = list(served.scenario.task.fields)
    noise = np.random.default_rng(1).normal(1, 0.01, (NEW_ROWS, len(numbers)))
    cases = rows.assign(row_id=[f"case-{number}" for number in range(NEW_ROWS)], **{
        name: rows[name] * noise[:, place] for place, name in enumerate(numbers)
    })  # fmt: skip
    stored = decide(where, "clinic-triage", asked(cases, served))
    wire, names = Wire(served.scenario), served.scenario.task.label.classes
    told = {"comment": "call 212 555 0134", "rating": 4.0}
    said = [
        {"decision_id": one.id, "user": f"doctor-{number}", "label": names[label], **told}
        for one, label in zip(stored[:60], rows["label"], strict=False)
        for number in range(3)
    ]
    said.append({"decision_id": "of-nothing", "user": "doctor-1", "rating": 1.0})
    with log(where) as engine, Writer(engine, served.name) as writer:
        writer.append([wire.entry(one, "test", None, "") for one in said]).result()
    return where, where.run("clinic-triage")


def test_new_rows_of_real_data_are_watched_and_taught_from_what_the_log_keeps(treated: Ran, clinic: Ran) -> None:
    where, now = treated
    decisions, lived = table(where, now, "decisions"), table(where, now, "lived")
    assert len(decisions) == NEW_ROWS == now["stages"]["05_decisions"]["metrics"]["decisions"]
    assert decisions["label"].isna().all() and lived["label"].isna().all(), "nobody knows yet what became of them"
    assert set(decisions["action"]) >= {"review"}, "a person who was asked has not answered"
    assert not set(lived["row_id"]) & set(table(where, now, "stream")["row_id"])
    answers = table(where, now, "answers")
    assert set(answers["source"]) == {"the service"} and len(answers) == 3 * 60
    assert set(answers["comment"]) == {"call [PHONE]"}, "masked as it was written down"
    assert now["stages"]["07_feedback"]["metrics"]["refused"] == 0, "of a decision that there never was nothing is kept"
    accepted = now["stages"]["07_feedback"]["metrics"]["accepted_labels"]
    corrections = [
        one for proposal in plain(where, now, "proposals") for one in proposal["change"].get("corrections", ())
    ]
    assert {one["row_id"] for one in corrections} <= set(answers["row_id"])
    assert len(corrections) == accepted > 30, "three doctors agree"


def test_rounds_go_on_from_what_was_served(lived: Ran) -> None:
    where, now = lived
    done = where.python("-m", "loopbook", "loop", "--profile", "smoke", "--rounds", "2")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    again, after = records.runs(project(where), "market-monitor")[-2:]
    metrics = again.stages["05_decisions"].metrics
    assert metrics["stream"] == "served" and metrics["decisions"] == len(table(where, now, "decisions")) + 1
    assert metrics["settled"] == metrics["decisions"] - 1, "nobody knows what became of the new one"
    page = (where.folder / "reports" / "market-monitor" / again.run / "05_decisions.html").read_text(encoding="utf-8")
    assert "Left out: 1 asked again." in page
    assert after.round == 1
    assert after.stages["05_decisions"].metrics["stream"] == "replayed", "its rows have joined train"


def test_a_comparison_a_copy_to_share_and_housekeeping_work_on_a_served_agent(lived: Ran) -> None:
    where = lived[0]
    for words in (
        ("compare", "market-monitor/smoke~1", "market-monitor/smoke"),
        ("share", "market-monitor/smoke"),
        ("gc", "--days", "0"),
        ("verify",),
    ):
        done = where.python("-m", "loopbook", *words)
        assert done.returncode in ((0, 1) if words[0] == "compare" else (0,)), done.stdout + done.stderr


@pytest.fixture(scope="module")
def browsed(shop: Ran, place: Callable[[str], Place]) -> Ran:
    """Return the agent of a simulated shop after its readers have asked for lists by HTTP and clicked as they like.

    One of them clicks everything, by a list that is asked for again and again.
    """
    where = copied(shop, place, "browsed")
    world = truth(Served.load(project(where), "book-shop", "smoke").scenario.source)
    readers, books = (list(table) for table in (world.users["reader"], world.books.items["book"]))
    random, day = np.random.default_rng(3), world.settings.days - 1
    with (
        log(where) as engine,
        Service(project(where), engine, "book-shop", workers=1) as running,
        Client(running.address, running.key) as client,
    ):
        for number, reader in enumerate(readers):
            made = client.user_list(reader)
            items = [place["item"] for place in made["places"]]
            liked = world.relevance([number], [books.index(item) for item in items], day)[0]
            looked = random.random(len(items)) < EXAMINATION[: len(items)] * liked
            client.clicks(made["list_id"], [item for item, is_clicked in zip(items, looked, strict=True) if is_clicked])
        client.user_list(readers[0])  # nobody says what was clicked of it
        for _ in range(3):
            made = client.user_list("farm")
            client.clicks(made["list_id"], [place["item"] for place in made["places"]])
    # A day has no second one in a test: outcomes of today have arrived today.
    return where, where.run("book-shop", "--params", "monitoring.label_delay_days=0")


def test_lists_that_were_served_are_watched_and_their_clicks_teach_the_challenger(browsed: Ran, shop: Ran) -> None:
    where, now = browsed
    metrics = {name: stage["metrics"] for name, stage in now["stages"].items()}
    lived, decisions = table(where, now, "lived"), table(where, now, "decisions")
    told = metrics["05_decisions"]
    assert told["stream"] == "served" and told["decisions"] == len(decisions)
    assert set(decisions["action"]) == {"show"} and lived["label"].notna().all()
    assert told["served_lists"] == told["served_lists_reported"] == lived["query"].nunique() >= 60
    assert lived["query_taken"].max() > 0 and (lived["title"] != "").all()
    assert table(where, now, "outbox").empty, "what stood in a list was shown when it was asked for"
    assert (lived["query"] == "farm").sum() == 10, "a user's places count once a day"
    assert metrics["07_feedback"]["refused"] == 20
    page = where.folder / "reports" / "book-shop" / "latest"
    names = ("05_decisions", "06_monitoring", "07_feedback")
    pages = {name: (page / f"{name}.html").read_text(encoding="utf-8") for name in names}
    assert f"places of {told['served_lists']} lists" in pages["05_decisions"]
    assert "Clicks by place with 95% intervals" in pages["06_monitoring"]
    assert "30 places shown again on a day" in pages["05_decisions"]
    assert "refused, places shown again on a day" in pages["07_feedback"]
    taught = re.search(r"clicks</td><td[^>]*>([\d,]+)", pages["07_feedback"])
    assert taught is not None and int(taught[1].replace(",", "")) > 300
    challenger, champion = (
        seen_rows.load(artifact(where, now, name) / more) for name, more in (("challenger", ""), ("champion", "model"))
    )
    features = Features.model_validate(plain(where, now, "features"))
    learned = np.isin(seen_rows.hashes(features, lived), challenger)
    assert learned.sum() > 300 and not np.isin(seen_rows.hashes(features, lived), champion).any()
