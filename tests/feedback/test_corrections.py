"""A file of answers is checked row by row; what is no answer is counted with its reason, and nothing vanishes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feedback.conftest import TOPICS, estimated_log, sorted_log

from loopbook.feedback import corrections, feedback_page
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

TODAY = date(2026, 4, 1)


def read(folder: Path, text: str, decisions: pd.DataFrame, scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    path = folder / "answers.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return corrections.read(path, decisions, scenario, TODAY)


def test_labels_are_understood_by_name_action_or_number(
    tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario
) -> None:
    text = "row_id;user;label\n" + "".join(
        f"r0000{at};ann;{label}\n" for at, label in enumerate(["grave", "Calm", "ACT", "leave", "1", "0"])
    )
    answers, broken = read(tmp_path, text, decisions, scenario)
    assert answers["label"].tolist() == [1, 0, 1, 0, 1, 0]
    assert broken.empty
    assert set(answers["source"]) == {"answers.csv"}


@pytest.mark.parametrize(
    ("positive", "yes", "no"),
    [
        (("yes",), ["YES", "yes "], ["no", "No"]),
        ((1,), ["1.0", "1", "1,0"], ["0.0", "0"]),
        ((True,), ["TRUE", "true"], ["FALSE"]),
        (("ja",), ["Ja"], ["nein"]),
        (("bad",), ["BAD"], ["fine"]),
    ],
)
def test_labels_are_understood_as_the_source_writes_them(
    tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario, positive: tuple[object], yes: list[str], no: list[str]
) -> None:
    label = scenario.task.label.model_copy(update={"positive": positive})
    said = scenario.model_copy(update={"task": scenario.task.model_copy(update={"label": label})})
    rows = "".join(f'r{at:05d};ann;"{value}"\n' for at, value in enumerate([*yes, *no]))
    answers, broken = read(tmp_path, f"row_id;user;label\n{rows}", decisions.assign(y=["bad", "fine", ""] * 500), said)
    assert broken.empty
    assert answers["label"].tolist() == [1] * len(yes) + [0] * len(no)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fraud", "fraud"),
        ("Billing ", "billing"),  # in any case
        ("2", "delivery"),  # as the source writes it
        ("2,0", "delivery"),
        ("PRAISE", "praise"),  # in the source, though no row that was decided has it
    ],
)
def test_a_class_is_understood_by_its_name_and_as_the_source_writes_it(
    tmp_path: Path, sorting: Scenario, written: str, meant: str
) -> None:
    log = sorted_log(30)
    log = log.assign(label=log["label"].where(log["label"] != "praise"))
    answers, broken = read(tmp_path, f'row_id;user;label\nr00001;ann;"{written}"\n', log, sorting)
    assert broken.empty
    assert answers["label"].tolist() == [meant]
    assert answers["label"].cat.categories.tolist() == list(TOPICS)


@pytest.mark.parametrize(
    ("written", "detail"),
    [
        ("fraude", "Did you mean 'fraud'"),
        ("4", "Known: 1, 2, 3, billing"),
        ("<b>fraud", "'<b>fraud'"),
        ("leave", "Known"),
    ],
)
def test_a_class_that_is_not_known_is_refused_with_what_was_probably_meant(
    tmp_path: Path, sorting: Scenario, written: str, detail: str
) -> None:
    answers, broken = read(tmp_path, f"row_id;user;label\nr00001;ann;{written}\n", sorted_log(30), sorting)
    assert answers.empty
    assert broken["reason"].tolist() == ["bad-label"]
    assert detail in broken["detail"].iloc[0]


def test_a_number_is_read_as_the_source_writes_numbers(tmp_path: Path, estimating: Scenario) -> None:
    written = ["12,5", "1.234,5", "7 min", "-3", "0", "12.5", "soon", "nan", "30 kg"]
    rows = "".join(f'r{at:05d};ann;"{value}"\n' for at, value in enumerate(written))
    answers, broken = read(tmp_path, f"row_id;user;label\n{rows}", estimated_log(30), estimating)
    assert answers["label"].tolist() == [12.5, 1234.5, 7.0, -3.0, 0.0]
    assert answers["label"].dtype == "float64"
    assert broken["reason"].tolist() == ["bad-label", "bad-label", "empty-answer", "bad-label"]
    assert "source.decimal is ','" in broken["detail"].iloc[0]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "latin-1"])
def test_the_advice_on_an_encoding_is_about_the_file_of_answers(
    tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario, encoding: str
) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes("row_id,user,label\nr00001,jörg,calm\n".encode(encoding))
    with pytest.raises(DataError, match=r"answers\.csv.* save this file of answers as UTF-8"):
        corrections.read(path, decisions, scenario, TODAY)


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("r00001,,grave,,,,", "missing-user", "no user"),
        (",ann,grave,,,,", "missing-row-id", "no row_id"),
        ("r99999,ann,grave,,,,", "unknown-row", "r99999"),
        ("r00001,ann,grav,,,,", "bad-label", "Did you mean 'grave'"),
        ("r00001,ann,,,,,", "empty-answer", "neither"),
        ("r00001,ann,,,,6,", "bad-rating", "'6'"),
        ("r00001,ann,,,,lots,", "bad-rating", "'lots'"),
        ("r00001,ann,calm,,,,-3", "bad-seconds", "'-3'"),
        ("r00001,ann,calm,,yesterday,,", "bad-time", "ISO 8601"),
        ("r00001,ann,calm,,2026-05-01,,", "future-time", "after today"),
        ("r00001,ann,calm,,2026-02-01,,", "before-decision", "decided"),
        ("r00001,ann", "broken-line", "2 fields"),
    ],
)
def test_what_is_no_answer_has_its_reason(
    tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario, row: str, reason: str, detail: str
) -> None:
    text = f"row_id,user,label,comment,time,rating,seconds\nr00002,bob,calm,,2026-03-20,4,12.5\n{row}\n"
    answers, broken = read(tmp_path, text, decisions, scenario)
    assert answers["row_id"].tolist() == ["r00002"]
    assert broken[["line", "reason"]].to_numpy().tolist() == [[3, reason]]
    assert detail in broken["detail"].iloc[0]


def test_of_several_answers_the_latest_counts(tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario) -> None:
    text = (
        "row_id,user,label,time\n"
        "r00001,ann,calm,2026-03-05\nr00001,ann,grave,2026-03-04\n"  # written later, given earlier
        "r00002,ann,calm,\nr00002,ann,grave,\n"
        "r00001,bob,grave,\n"
    )
    answers, broken = read(tmp_path, text, decisions, scenario)
    assert len(answers) == 3
    ann = answers[answers.duplicated("user", keep=False)].set_index("row_id")["label"]
    assert ann.to_dict() == {"r00001": 0, "r00002": 1}
    assert broken[["line", "reason"]].to_numpy().tolist() == [[3, "replaced"], [4, "replaced"]]


def test_no_name_and_no_address_is_kept(tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario) -> None:
    text = (
        'row_id,user,comment\nr00001,Ann Smith,"Ask ann.smith@example.org, =1+1 <script>"\n'
        "r00002,ann.smith@example.org,fine\nno.ne@example.org,Bob Jones,fine\n"
    )
    answers, broken = read(tmp_path, text, decisions, scenario)
    kept = answers.to_csv() + broken.to_csv()
    assert "Ann" not in kept
    assert "Bob" not in kept
    assert "@example.org" not in kept
    assert answers["comment"].iloc[0] == "Ask [MAIL], =1+1 <script>"
    assert answers["label"].isna().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,user,label\n1,2,3\n", "the column 'row_id' is missing"),
        ("row_id,usr,label\n1,2,3\n", "Did you mean 'usr'"),
        ("row_id,user\n1,2\n", "say nothing"),
        ("", "empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, decisions, scenario)


def test_an_absent_file_is_refused(tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario) -> None:
    with pytest.raises(DataError, match=r"correct feedback\.file"):
        corrections.read(tmp_path / "none.csv", decisions, scenario, TODAY)


cells = st.one_of(
    st.sampled_from(["", "r00001", "r00002", "ann", "grave", "0", "5", "2026-03-09"]), st.text(max_size=12)
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(*[cells] * 7), min_size=1, max_size=8))
def test_every_record_is_an_answer_or_counted(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario, rows: list[tuple[str, ...]]
) -> None:
    decisions = pd.DataFrame({"row_id": ["r00001", "r00002"], "time": pd.to_datetime(["2026-03-02"] * 2, utc=True)})
    decisions["label"] = pd.array([1, 0], dtype="Int8")
    frame = pd.DataFrame([["r00001", "x", "1", "", "", "", ""], *rows], columns=list(corrections._KNOWN))
    frame = frame.map(lambda value: value.replace("\0", " ").replace("\r", " ").replace("\n", " "))
    text = frame.to_csv(index=False, quoting=1)
    answers, broken = read(tmp_path_factory.mktemp("answers"), text, decisions, scenario)
    assert len(answers) + len(broken) == len(frame)
    assert (broken["reason"] != "").all()


def test_tables_can_be_merged_and_described(tmp_path: Path, decisions: pd.DataFrame, scenario: Scenario) -> None:
    one, broken = read(
        tmp_path, "row_id,user,label,comment\nr00001,ann,grave,no!\nr00002,bob,x,\n", decisions, scenario
    )
    other = corrections.table([{"row_id": "r00003", "user": "s-1", "label": 0, "rating": 4, "source": "simulated"}])
    both = corrections.merged(one, other, corrections.table([]))
    assert both["row_id"].tolist() == ["r00001", "r00003"]
    assert both.dtypes.equals(one.dtypes)
    shown = feedback_page.answers(both, broken, decisions)
    assert shown.loc["answers from simulated", "with rating"] == 1
    assert shown.loc["answers from answers.csv", "with comment"] == 1
    assert (
        shown.loc["refused, bad-label: line 3, label is 'x'. Known: 0, 1, act, bad, calm, grave, leave.", "rows"] == 1
    )


def test_clicks_on_served_lists_stand_beside_answers_as_the_outcomes_they_are(decisions: pd.DataFrame) -> None:
    places = pd.DataFrame({"shown": ["L1", "L1", "L2"], "label": pd.array([1, 0, None], dtype="Int8")})
    nothing = pd.DataFrame(columns=list(corrections.BROKEN))
    shown = feedback_page.answers(corrections.table([]), nothing, pd.concat([decisions, places]))
    assert list(shown.index) == ["outcomes: places of served lists with a report, 1 clicked"]
    assert shown["rows"].tolist() == shown["with label"].tolist() == [2]
