"""The served agent decides as notebook 05 does, of what a caller sends, and without TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from tests.smoke import ROOT, Place, Ran

from loopbook.data import features
from loopbook.decisions.log import decision_id
from loopbook.decisions.replay import Budget
from loopbook.scenario.errors import LoopbookError, MissingInput
from loopbook.service.agent import Served
from loopbook.service.deciding import Unanswerable
from loopbook.store import records
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project


def project(place: Place) -> Project:
    return Project(ROOT, place.folder / "data", place.folder / "reports")


def asked(rows: pd.DataFrame, served: Served) -> list[Mapping[str, Any]]:
    """Return rows of a split as a caller would send them."""
    fields = served.scenario.task.fields
    columns = {name: features.column(rows, name).astype(object) for name in fields}
    values = [{name: None if pd.isna(v) else v for name, v in zip(fields, row, strict=True)}
              for row in zip(*columns.values(), strict=True)]  # fmt: skip
    times = rows["time"].tolist()
    ids = rows["row_id"].tolist()
    return [
        {"id": name, "time": None if pd.isna(time) else time.to_pydatetime(), "fields": row}
        for name, time, row in zip(ids, times, values, strict=True)
    ]


@pytest.mark.parametrize("scenario", ["market-monitor", "clinic-triage"])
def test_it_decides_as_the_notebook_did(smoke_run: Callable[[str], Ran], scenario: str) -> None:
    served = Served.load(project(smoke_run(scenario)[0]), scenario, "smoke")
    read = {name: pd.read_parquet(artifact(served.project, served.run, name)) for name in ("stream", "decisions")}
    log = read["decisions"]
    stream = read["stream"].set_index("row_id", drop=False).loc[log["row_id"]]
    budget, found = Budget(served.agent.capacity), []
    requests = asked(stream, served)
    for start in range(0, len(requests), 33):
        found += served.decide(served.prepare(requests[start : start + 33]), budget)
    facts = pd.DataFrame([entry.facts for entry in found], index=log.index)
    for column in ("decision", "rule", "rule_hits", "reviewed", "review_refused", "answer", "next_action"):
        assert facts[column].tolist() == log[column].tolist()
    agent = ~log["reviewed"]
    assert facts["action"][agent].tolist() == log["action"][agent].tolist()
    assert set(facts["action"][~agent]) <= {"review"}, "in the notebook a simulated reviewer answers at once"
    began = [whole.startswith(own) for whole, own in zip(log["reasons"], facts["reasons"], strict=True)]
    assert all(began), "the notebook adds what a reviewer said, and explanations"
    for column in ("probability", "expected_cost", "next_cost"):
        assert facts[column].tolist() == pytest.approx(log[column].tolist(), abs=1e-6)
    scores = pd.read_parquet(artifact(served.project, served.run, "scores")).drop(columns="row_id")
    assert pd.DataFrame(facts["scores"].tolist()).to_numpy() == pytest.approx(scores.to_numpy(), abs=1e-6)
    versions = tuple(served.versions[name] for name in ("model", "policy", "rules"))
    assert [decision_id(entry.payload["row_id"], versions) for entry in found] == log["decision_id"].tolist()
    assert len({entry.id for entry in found}) == len(found)


def test_what_was_kept_is_decided_alike(served: Served) -> None:
    stream = pd.read_parquet(artifact(served.project, served.run, "stream")).head(40)
    kept = served.prepare(asked(stream, served))
    first = served.decide(kept, Budget(0.1))
    again = served.decide(json.loads(json.dumps(kept)), Budget(0.1))
    assert [dict(one.facts) for one in first] == [dict(other.facts) for other in again]


def test_personal_data_is_masked_before_the_model_sees_it(served: Served) -> None:
    text = "Call\u200b  me:  +1 212 555 0134, or jane.doe@example.org"
    (kept,) = served.prepare([{"id": None, "time": None, "fields": {"text": text}, "attributes": {"desk": text}}])
    assert kept["fields"]["text"] == "Call me: [PHONE], or [MAIL]" == kept["attributes"]["desk"]
    assert kept["row_id"] and kept["time"].endswith("+00:00")
    (entry,) = served.decide([kept], Budget(1.0), ["ann"], ["ann\nk\n0"])
    assert entry.facts["caller"] == "ann" and entry.key == "ann\nk\n0"
    plain = json.dumps(dict(entry.facts))
    assert "jane" not in json.dumps(entry.payload) + plain and kept["row_id"] not in plain


def test_what_the_model_has_no_answer_to_is_refused(smoke_run: Callable[[str], Ran]) -> None:
    served = Served.load(project(smoke_run("clinic-triage")[0]), "clinic-triage", "smoke")
    fields = served.scenario.task.fields
    number = next(name for name, kind in fields.items() if kind == "number")
    empty = {name: "" if kind == "text" else None for name, kind in fields.items()}
    (entry,) = served.decide(served.prepare([{"fields": empty}]), Budget(0.1))
    assert entry.facts["action"]
    with pytest.raises(Unanswerable, match=f"^{number} is larger"):
        served.prepare([{"fields": {**empty, number: -1e39}}])
    now = datetime.now(UTC)
    served.prepare([{"fields": empty, "time": now}, {"fields": empty, "time": now - timedelta(days=9_000)}])
    with pytest.raises(Unanswerable, match="nothing of the future"):
        served.prepare([{"fields": empty, "time": now + timedelta(days=1, hours=1)}])


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u00a0"])
def test_where_there_is_nothing_to_read_it_is_refused_as_02_would(smoke_run: Callable[[str], Ran], text: str) -> None:
    served = Served.load(project(smoke_run("market-monitor")[0]), "market-monitor", "smoke")
    with pytest.raises(Unanswerable, match="nothing to read in text"):
        served.prepare([{"fields": {"text": text}}])


def test_nothing_heavy_is_loaded(smoke_run: Callable[[str], Ran]) -> None:
    code = (
        "import sys; from loopbook.service.agent import Served; from loopbook.store.project import Project;"
        "from loopbook.decisions.replay import Budget; served = Served.load(Project.find(), 'market-monitor', 'smoke');"
        "served.decide(served.prepare([{'fields': {'text': 'shares fell'}}]), Budget(0.1)); served.usual;"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'papermill', 'nbconvert', 'IPython', 'sklearn')"
        " if name in sys.modules])"
    )
    place = smoke_run("market-monitor")[0]
    done = subprocess.run([sys.executable, "-c", code], env=place.environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_a_good_run_it_says_what_to_type(served: Served) -> None:
    with pytest.raises(MissingInput, match=r"in profile smoke.*make SCENARIO=market-monitor PROFILE=full"):
        newest(served.project, "market-monitor", "full")


def test_a_champion_that_was_not_exported_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    run = records.latest(served.project, "market-monitor", "smoke")
    whole = artifact(served.project, run, "champion")
    monkeypatch.setattr("loopbook.service.agent.artifact", lambda *_: whole / "model")
    with pytest.raises(LoopbookError, match=r"not exported to ONNX.*optimization\.export"):
        Served.of(served.project, run)
