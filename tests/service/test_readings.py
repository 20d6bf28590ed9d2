"""A plant's readings by HTTP and in a folder: decided on by the very windows that 02 makes of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Service, running, scenario
from tests.smoke import ROOT, Ran

from loopbook.data import sources
from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import Series
from loopbook.scenario.task import Anomaly
from loopbook.service import app, readings
from loopbook.service.agent import Served
from loopbook.service.client import Client, ServiceError
from loopbook.service.deciding import Unanswerable
from loopbook.service.errors import Refused
from loopbook.service.following import Following
from loopbook.service.metrics import Metrics
from loopbook.service.schemas import Wire
from loopbook.service.watching import Watch
from loopbook.store.lookup import artifact
from loopbook.store.project import Project

PLANT = "plant-watch"
BACK = timedelta(hours=12)


@pytest.fixture(scope="module")
def project(smoke_run: Callable[[str], Ran], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with the plant's smoke run and a log of its own."""
    place, folder = smoke_run(PLANT)[0].folder, tmp_path_factory.mktemp("plant")
    shutil.copytree(place / "data" / "store", folder / "data" / "store", copy_function=os.link)
    return Project(ROOT, folder / "data", folder / "reports")


@pytest.fixture(scope="module")
def served(project: Project) -> Served:
    return Served.load(project, PLANT, "smoke")


@pytest.fixture(scope="module")
def every(served: Served) -> pd.DataFrame:
    """Return windows as 02 collects them, by their time; none is simulated."""
    frame = sources.collect(served.scenario.source, ROOT, Project(ROOT).raw).frame
    return frame[frame["fault"] == "none"].assign(time=lambda table: pd.to_datetime(table["timestamp"], utc=True))


@pytest.fixture(scope="module")
def stream(every: pd.DataFrame) -> pd.DataFrame:
    """Return the latest of them, with two failures."""
    return every[every["time"] >= pd.Timestamp("2014-01-06", tz="UTC")].iloc[::20]


@pytest.fixture(scope="module")
def machine(served: Served) -> pd.DataFrame:
    """Return the machine's readings, in the order of time."""
    source = served.scenario.source.model_copy(update={"series": None})
    frame = sources.collect(source, ROOT, Project(ROOT).raw).frame
    moments = pd.to_datetime(frame["timestamp"], utc=True)
    return pd.DataFrame({"time": moments, "value": frame["value"].astype(float)}).sort_values("time", kind="stable")


def stretch(machine: pd.DataFrame, end: datetime, back: timedelta = BACK) -> list[dict[str, Any]]:
    part = machine[(machine["time"] >= end - back) & (machine["time"] < end)]
    return [{"time": when.isoformat(), "value": value} for when, value in part.itertuples(index=False)]


@pytest.fixture(scope="module")
def engine(project: Project) -> Iterator[Engine]:
    engine = connect(project)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def up(served: Served, engine: Engine) -> Iterator[Service]:
    """Return the plant's agent as it is served."""
    metrics = Metrics(60)
    with (
        Writer(engine, served.name) as writer,
        Following(served, served.scenario, engine, writer, Budget(0.5), metrics) as behind,
        running(
            Service(behind.scenario, engine, behind, metrics, app.create_app(behind, engine, writer, metrics))
        ) as up,
    ):
        yield up


def test_a_person_can_try_readings_by_hand(up: Service, stream: pd.DataFrame, machine: pd.DataFrame) -> None:
    cookie = signed_in(up, "caller")
    form = get(up, "/try", cookie)
    assert b"time,value" in form.body and b"value_spread" not in form.body
    told = stretch(machine, stream["time"].iloc[-1].to_pydatetime())
    lines = "\n".join(
        ["time,value", *(f"{reading['time'][:19].replace('T', ' ')}, {reading['value']}" for reading in told)]
    )
    answer = send(up, "/try", cookie, csrf=token(form), readings=lines)
    assert answer.status == 303
    shown = get(up, answer.headers["location"], cookie)
    stored = reader.find(up.engine, up.behind.name, answer.headers["location"].partition("=")[2])
    assert stored is not None and stored.payload is not None
    expected = stream["value_mean"].iloc[-1]
    assert shown.status == 200 and stored.payload["fields"]["value_mean"] == pytest.approx(expected)
    for wrong, said in [
        (lines.replace("time,value", "<b>x</b>,1,2"), b"line 1</code>: this is not time,value"),
        (f"yesterday, 3\n{lines}", b"readings.0.time"),
        (f"2014-02-07, {'9' * 200_000}\n{lines}", b"readings"),
        ("\n".join(lines.splitlines()[-20:]), b"send all readings from"),
        ("", b"readings"),
    ]:
        refused = send(up, "/try", cookie, csrf=token(form), readings=wrong)
        assert refused.status == 422 and said in refused.body and b"<b>" not in refused.body


def test_what_is_served_is_decided_on_the_windows_of_02(
    served: Served, stream: pd.DataFrame, machine: pd.DataFrame
) -> None:
    wire, fields = Wire(served.scenario), list(served.scenario.task.fields)
    split = pd.read_parquet(artifact(served.project, served.run, "stream"))
    for row in (*stream.itertuples(), *split.iloc[::60].itertuples()):
        (asked,), _, _ = wire.requests(to_body(readings=stretch(machine, row.time, BACK + timedelta(minutes=17))))
        (kept,) = served.prepare([asked])
        assert pd.Timestamp(kept["time"]) == row.time
        assert list(kept["fields"].values()) == [getattr(row, name) for name in fields], "to the last bit"


def to_body(**request: Any) -> bytes:
    return json.dumps(request).encode()


def test_readings_by_http_are_decided_logged_and_told(
    up: Service, stream: pd.DataFrame, machine: pd.DataFrame, engine: Engine
) -> None:
    ends = [row.time for row in stream.itertuples()]
    with Client(up.address, up.secret("caller")) as plant:
        asked = [{"id": f"w{at}", "readings": stretch(machine, end)} for at, end in enumerate(ends)]
        told = plant.decide(asked)
        assert [one["id"] for one in told] == [f"w{at}" for at in range(len(ends))]
        assert [pd.Timestamp(one["window"]["ends"]) for one in told] == ends
        assert all(pd.Timestamp(one["window"]["begins"]) == end - BACK for one, end in zip(told, ends, strict=True))
        assert {one["action"] for one in told} >= {"go on", "stop"}
        for one in told:
            assert bool(one["stood_out"]) == (one["action"] != "go on"), "of one sensor it is that one"
            assert all(part["sensor"] == "value" and 0.01 <= part["effect"] <= 1 for part in one["stood_out"])
        stored = reader.find(engine, up.behind.name, told[0]["decision_id"])
        assert stored is not None and stored.payload is not None
        assert set(stored.payload["fields"]) == set(up.scenario.task.fields)
        same = plant.decide({"fields": stored.payload["fields"], "time": stored.payload["time"]})
        assert same["probability"] == told[0]["probability"] and same["window"] == told[0]["window"]
        assert plant.decision(told[0]["decision_id"], explain=True)["explanation"]["complete"]
        with pytest.raises(ServiceError, match=r"422.*looks back on 12:00:00.*send all readings from"):
            plant.decide({"readings": stretch(machine, ends[0], timedelta(hours=3))})


def test_with_a_time_that_window_is_asked_about_and_no_earlier_one(
    served: Served, stream: pd.DataFrame, machine: pd.DataFrame
) -> None:
    wire, end = Wire(served.scenario), stream["time"].iloc[3]
    sent = stretch(machine, end, BACK + timedelta(hours=6))
    before = end - timedelta(hours=2)
    (asked,), _, _ = wire.requests(to_body(time=(before + timedelta(minutes=9)).isoformat(), readings=sent))
    assert pd.Timestamp(served.prepare([asked])[0]["time"]) == before
    (asked,), _, _ = wire.requests(to_body(time=(end + timedelta(hours=2)).isoformat(), readings=sent))
    with pytest.raises(Unanswerable, match=r"falls into a gap: value has readings in 8\d% of it"):
        served.prepare([asked])


HOUR = [{"time": "2026-01-05T09:00:00Z", "value": 1}, {"time": "2026-01-05T09:05:00Z", "value": None}]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"readings": [*HOUR, {"time": "2026-01-05T09:10:00Z", "valve": 2}]}, "readings.2.valve: Extra inputs"),
        ({"readings": HOUR[::-1]}, "order of time: the one at 1 is older"),
        ({"readings": [{"value": 2}]}, "readings.0.time: Field required"),
        ({"readings": [{"time": "yesterday", "value": 2}]}, "readings.0.time: .*2026-01-05T09:30:00Z"),
        ({"readings": [{"time": "2026-01-05T09:00:00Z", "value": "hot"}]}, "readings.0.value: .*valid number"),
        ({"readings": []}, "readings: .*at least 1"),
        ({"readings": HOUR, "fields": {}}, "body: .*one of them"),
        ({}, "body: .*one of them"),
    ],
)
def test_what_are_no_readings_is_refused_with_its_place(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as wrong:
        Wire(scenario(PLANT)).requests(to_body(**request_))
    assert wrong.value.status == 422
    assert re.search(said, " ".join(f"{one['where']}: {one['what']}" for one in wrong.value.errors))


def settings(**given: Any) -> Series:
    return Series.model_validate({"sensors": ["heat", "heat_out"], "window_hours": 2, "lags": [1], **given})


def sent(until: datetime, minutes: int = 10, count: int = 40) -> list[dict[str, Any]]:
    times = [until - timedelta(minutes=minutes * (count - 1 - at)) for at in range(count)]
    return [{"time": when, "heat": float(at % 7), "heat_out": None if at % 2 else 1.0} for at, when in enumerate(times)]


def test_a_step_that_is_still_going_on_is_no_window_yet_and_the_future_none_at_all() -> None:
    now = datetime(2026, 3, 2, 12, 52, tzinfo=UTC)
    for until, end in ((now, 12), (datetime(2026, 3, 2, 12, 59, tzinfo=UTC), 12), (now - timedelta(minutes=70), 11)):
        found, _ = readings.features({"readings": sent(until)}, now, settings(), 6, simulated=False)
        assert found == datetime(2026, 3, 2, end, tzinfo=UTC)
    later = datetime(2026, 3, 2, 12, 59, tzinfo=UTC)
    found, told = readings.features({"readings": sent(later)}, now, settings(), 6, simulated=True)
    assert found == datetime(2026, 3, 2, 13, tzinfo=UTC) and told["heat_out_missing"] == 0.5
    local = now + timedelta(hours=2)
    with pytest.raises(Unanswerable, match=r"The last reading is of 2026-03-02T14:52.*it is 2026-03-02T12:52 UTC"):
        readings.features({"readings": sent(local)}, now, settings(), 6, simulated=False)


def test_the_sensor_that_is_not_as_usual_stood_out() -> None:
    fields = dict.fromkeys(("heat_now", "heat_z", "heat_out_now", "heat_out_z", "day_sin"), "number")
    task = Anomaly.model_validate({"type": "anomaly", "fields": fields, "actions": ["go on", "stop"]})
    usual = dict.fromkeys(fields, 0.0)
    rows = pd.DataFrame([usual | {"heat_now": 4.0}, usual | {"heat_out_z": 2.0, "heat_now": 1.0}, usual])
    rows.insert(0, "row_id", "same")

    def probabilities(some: pd.DataFrame) -> np.ndarray:
        far = np.abs(some[list(fields)].to_numpy(float)).max(axis=1)
        return np.column_stack([np.exp(-far), 1 - np.exp(-far)])

    def names(found: Sequence[dict[str, Any]]) -> list[str]:
        return [part["sensor"] for part in found]

    first, second, none = (
        readings.stood_out(rows.iloc[[at]], probabilities, task, usual, settings()) for at in range(3)
    )
    assert names(first) == ["heat"] and names(second) == ["heat_out", "heat"] and none == []
    assert first[0]["effect"] == pytest.approx(1 - np.exp(-4)), "all of it"
    assert sum(part["effect"] for part in second) == pytest.approx(1 - np.exp(-2))


def test_a_growing_file_is_watched_window_by_window(
    project: Project, served: Served, machine: pd.DataFrame, every: pd.DataFrame, engine: Engine
) -> None:
    folder = project.data / "incoming"
    folder.mkdir()
    watched = served.scenario.watch.model_copy(update={"folder": str(folder)})
    section = served.scenario.model_copy(update={"watch": watched})
    part = machine[machine["time"] >= pd.Timestamp("2014-02-05 03:02", tz="UTC")].head(700)
    lines = [f"{when.isoformat()},{value}" for when, value in part.itertuples(index=False)]
    lines.insert(250, "2014-02-05T23:59:00,hot")

    def look(watch: Watch, count: int, name: str = "readings.csv") -> tuple[int, dict[str, int]]:
        (folder / name).write_text("\n".join(["timestamp,value", *lines[:count]]) + "\n", encoding="utf-8")
        os.utime(folder / name, (time.time() - 60 + count / 100,) * 2)
        found = watch.look()
        return found.decided, dict(found.refused)

    with Watch(project, section, "smoke") as watch:
        assert look(watch, 100) == (0, {"unreadable": 1}), "shorter than a window, and said so"
        looked = [look(watch, count) for count in (200, 203, 400, 400, len(lines))]
        lines[:] = ["2014-02-07T13:30:00,80", "2014-02-07T13:35:00,81"]
        assert look(watch, 2, "next day.csv") == (1, {}), "the window goes on from one file to the next"
    assert [refused for _, refused in looked] == [{}, {}, {"bad-number": 1}, {}, {}]
    decisions = [
        one for one in reader.entries(engine, served.name, kinds=["decision"]) if one.facts["caller"] == "watch"
    ]
    ends = [pd.Timestamp(one.payload["time"]) for one in decisions if one.payload]
    first, last = pd.Timestamp("2014-02-05 15:30", tz="UTC"), part["time"].max().floor("30min")
    assert ends[:-1] == list(pd.date_range(first, last, freq="30min")), "each once, and none before it has ended"
    assert sum(count for count, _ in looked) == len(ends) - 1
    known = every.set_index("time")
    for one, end in zip(decisions[:-1], ends, strict=False):
        assert one.payload is not None
        assert one.payload["fields"] == {name: known.at[end, name] for name in served.scenario.task.fields}


def test_readings_are_watched_in_a_folder_only(project: Project, served: Served) -> None:
    with pytest.raises(DataError, match=r"watched in a folder: name it in watch\.folder"):
        Watch(project, served.scenario, "smoke")
