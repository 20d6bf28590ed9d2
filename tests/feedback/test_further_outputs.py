"""What is said of further outputs is read, weighed, proposed, carried and learned by the output's name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.feedback.conftest import TONES, toned_log
from tests.feedback.test_corrections import read

from loopbook.data import relabelling
from loopbook.data.splitting import LATER, PAST
from loopbook.feedback import approval, feedback_page, gate, learning_set, proposals, trust, users
from loopbook.models.answers import Answers
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Costs
from loopbook.scenario.errors import DataError
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.store.snapshots import Snapshot

NAN = float("nan")
FINE = gate.Verdict("keep", "", False, *[NAN] * 7, rows=0, fewest=0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("<B>Angry</b>", "<b>angry</b>"), ("1", "<b>angry</b>"), ("2,0", "glad"), ("=1+1", "=1+1")],
)
@pytest.mark.parametrize("column", ["tone", "Tone ", "label_tone"])
def test_a_class_of_a_further_output_is_read_by_name(
    tmp_path: Path, toned: Scenario, column: str, written: str, meant: str
) -> None:
    text = f'row_id,user,label,{column}\nr00001,ann,,"{written}"\nr00002,bob,grave,\n'
    answers, broken = read(tmp_path, text, toned_log(9), toned)
    assert broken.empty
    assert answers["label_tone"].cat.categories.tolist() == list(TONES)
    assert answers["label_tone"].astype(object).where(answers["label_tone"].notna(), None).tolist() == [meant, None]
    assert answers["label"].tolist()[1] == 1 and answers["label"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("written", "detail"), [("gladd", "tone is 'gladd'. Did you mean 'glad'"), ("<script>", "tone is '<script>'")]
)
def test_a_class_that_a_further_output_does_not_have_is_refused(
    tmp_path: Path, toned: Scenario, written: str, detail: str
) -> None:
    answers, broken = read(tmp_path, f"row_id,user,label,tone\nr00001,ann,calm,{written}\n", toned_log(9), toned)
    assert answers.empty
    assert broken["reason"].tolist() == ["bad-label"] and detail in broken["detail"].iloc[0]


def test_what_says_nothing_of_any_output_is_refused(tmp_path: Path, toned: Scenario) -> None:
    _, broken = read(tmp_path, "row_id,user,tone\nr00001,ann,\n", toned_log(9), toned)
    assert broken["reason"].tolist() == ["empty-answer"]
    with pytest.raises(DataError, match=r"add a column label, comment, rating, tone"):
        read(tmp_path, "row_id,user,mood\nr00001,ann,glad\n", toned_log(9), toned)


@pytest.mark.parametrize("name", ["user", "comment", "rating", "seconds"])
def test_a_further_output_is_not_called_like_a_column_of_answers(toned: Scenario, name: str) -> None:
    told = toned.model_dump(mode="json")
    told["task"]["also"] = {name: told["task"]["also"]["tone"]}
    with pytest.raises(ValueError, match="needs a name of its own"):
        Scenario.model_validate(told)


def test_simulated_users_name_further_outputs_where_the_truth_is_known(toned: Scenario) -> None:
    log = toned_log(3_000)
    plain = toned.model_copy(update={"task": toned.task.model_copy(update={"also": {}})})
    chosen = FeedbackSettings(answer_rate=1, error_rate=0.1, malicious_rate=0.2, users=10)
    right = dict(zip(log["row_id"], log["label"].tolist(), strict=True))
    answers = users.simulate(log, right, toned, chosen)
    pd.testing.assert_frame_equal(answers.drop(columns="label_tone"), users.simulate(log, right, plain, chosen))
    joined = answers.merge(log[["row_id", "label_tone"]], on="row_id", suffixes=("", "_true"))
    assert (joined["label_tone"].isna() == joined["label_tone_true"].isna()).all()
    known = joined.dropna(subset="label_tone_true")
    wrong = known["label_tone"].astype(str) != known["label_tone_true"].astype(str)
    liar = known["user"].isin(users.malicious(chosen))
    assert wrong[liar].all()
    assert 0.08 < wrong[~liar].mean() < 0.12


def test_they_are_weighed_proposed_and_carried_by_name(toned: Scenario) -> None:
    log = toned_log(2_000)
    right = dict(zip(log["row_id"], log["label"].tolist(), strict=True))
    chosen = FeedbackSettings(answer_rate=1, error_rate=0.05, malicious_rate=0.2, users=10)
    answers = users.simulate(log, right, toned, chosen)
    outcomes = dict(list(right.items())[:800])
    judged = trust.judge(answers, outcomes, log)
    assert set(judged.malicious) == users.malicious(chosen)
    said = judged.also["tone"]
    assert not set(said.users["user"]) & set(judged.malicious)
    truth = log.set_index("row_id")["label_tone"]
    assert len(said.accepted) > 500
    assert np.mean([truth[row] == tone for row, tone in said.accepted.items()]) > 0.97

    contents = relabelling.fingerprints(log, toned.task)
    found = [one for one in proposals.labels(judged, log, contents, toned, FINE) if "on tone" in one.title]
    assert [one.safe for one in found] == [True, False]
    entries = [entry for one in found for entry in one.change["corrections"]]
    assert {entry["row_id"]: entry["label"] for entry in entries} == said.accepted
    assert {entry["output"] for entry in entries} == {"tone"}
    agent = log.set_index("row_id")["tone"]
    differ = sum(agent[row] != tone for row, tone in said.accepted.items())
    assert sum(one.evidence["contradict the agent"] for one in found) == differ
    everything = proposals.labels(judged, log, contents, toned, FINE)
    after = approval.next_snapshot(everything, "all", Snapshot(), "ann")
    kept = Snapshot.model_validate_json(json.dumps(after.model_dump(mode="json"))).corrections
    assert len(kept) == len(judged.accepted) + len(said.accepted)  # a row's label and its tone stand side by side
    assert feedback_page.proposals(everything).shape[0] == len(everything)


def split(log: pd.DataFrame) -> dict[str, pd.DataFrame]:
    canonical = log.drop(columns=["tone", "probability", "action", "reviewed"]).astype({"label": "int8"})
    edges = {"train": (0, 50), "validation": (50, 90), "test": (90, 120), "gate": (120, 150), "stream": (150, 180)}
    edges |= {PAST: (180, 280), LATER: (280, 300)}
    return {name: canonical.iloc[start:end].reset_index(drop=True) for name, (start, end) in edges.items()}


def test_the_next_round_learns_them_and_says_what_became_of_each(toned: Scenario) -> None:
    log = toned_log(300)
    sides, contents = split(log), relabelling.fingerprints(log, toned.task)

    def said(row: int, tone: str, **more: object) -> dict[str, object]:
        name = f"r{row:05d}"
        return {"row_id": name, "output": "tone", "content": contents[name], "label": tone, "weight": 0.9} | more

    given = [
        said(180, "nan"),  # of a row whose tone the source does not know
        said(181, "None"),
        said(182, "furious"),  # no class
        said(183, "glad", content="another row"),
        said(160, "glad"),  # of the present window
        said(100, "glad"),  # of test
        said(250, "glad"),  # nobody knows this row's label
        said(184, "=1+1", output="mood"),  # an output that the task no longer has
    ]
    outcomes = [{"row_id": f"r{row:05d}", "content": contents[f"r{row:05d}"], "label": 1} for row in range(180, 240)]
    label = {"row_id": "r00240", "content": contents["r00240"], "label": 0, "weight": 0.8}
    found = relabelling.apply(sides, [*given, label], outcomes, toned.task)
    both = pd.concat([found.splits["train"], found.splits["validation"]]).set_index("row_id")
    tones = both["label_tone"].astype(object)
    assert both["label_tone"].dtype == log["label_tone"].dtype
    assert (tones["r00180"], tones["r00181"]) == ("nan", "None")
    source = log.set_index("row_id")["label_tone"].astype(object)
    arrived = [f"r{row:05d}" for row in range(185, 240)]
    pd.testing.assert_series_equal(tones[arrived], source[arrived])  # they arrive with the outcome
    assert pd.isna(tones["r00240"])  # of what users alone have labelled, the source's tone is not known
    table = found.added.set_index("from")
    assert table.loc["corrections", "rows"] == 1
    fates = ["rows", "waiting", "kept out", "unknown class", "not found"]
    assert table.loc["corrections of tone", fates].tolist() == [7, 2, 1, 1, 1]
    assert table.loc["corrections of tone", list(relabelling.ADDED)].sum() == 2
    assert found.rows == 61 == len(both) - len(sides["train"]) - len(sides["validation"])  # a row counts once
    assert table.loc["corrections of mood", ["rows", "unknown class"]].tolist() == [1, 1]


def test_a_challenger_learns_what_users_say_and_not_what_the_source_knows(toned: Scenario) -> None:
    log = toned_log(300)
    sides = split(log)
    names = [f"r{row:05d}" for row in range(150, 180)]
    frame = pd.DataFrame({"row_id": names, "label": 1, "confidence": 0.95, "accepted": True})
    tones = frame.head(3).assign(label=pd.Categorical(["glad", "nan", "None"], categories=list(TONES)))
    judged = trust.Trust(frame, frame, also={"tone": trust.Trust(tones, tones)})
    found = learning_set.build(sides["train"], sides["stream"], judged, {names[10]: 0}, toned.task, held_back=0)
    learned = found.train.set_index("row_id")["label_tone"].astype(object)
    assert learned[names[:3]].tolist() == ["glad", "nan", "None"]
    assert learned[names[10]] == log.set_index("row_id")["label_tone"][names[10]]
    assert learned[[name for name in names[3:] if name != names[10]]].isna().all()
    assert found.added.set_index("from").loc["users on tone", "rows"] == 3


def test_further_outputs_stand_beside_the_label_at_the_gate(toned: Scenario) -> None:
    frame = toned_log(600)
    frame = frame.assign(label=frame["label"].astype("int8"))

    def model(sharp: float, classes: tuple[str, ...]) -> gate.Answers:
        def answer(rows: pd.DataFrame) -> Answers:
            random = np.random.default_rng(1)
            known = rows["label_tone"].astype(object).to_numpy()
            score = random.normal(0, 1, (len(rows), len(classes))) + sharp * (known[:, None] == np.array(classes))
            p = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
            return Answers(np.column_stack([1 - rows["probability"], rows["probability"]]), also={"tone": (classes, p)})

        return answer

    fewer = TONES[:4]  # the champion has never seen the last
    verdict, table = gate.judge(
        {"gate": frame}, model(1.0, fewer), model(3.0, TONES[::-1]), toned.task, Costs(), learned=(), resamples=100
    )
    row = table.set_index("measure").loc["tone: macro F1"]
    assert verdict.decision == "keep"
    assert row["low"] > 0 and row["challenger"] > 0.7 > row["champion"]
    nobody = frame.assign(label_tone=frame["label_tone"].where(np.zeros(len(frame), dtype=bool)))
    _, table = gate.judge(
        {"gate": nobody}, model(1, TONES), model(2, TONES), toned.task, Costs(), learned=(), resamples=50
    )
    assert table.set_index("measure").loc["tone: macro F1", ["champion", "gain"]].isna().all()
