"""Twenty and more kinds of bad input: each gives its clear error, or a counted row in quarantine."""

import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest

from loopbook.data import catalog, cleaning, sources, splitting, validation
from loopbook.scenario import loading
from loopbook.scenario.errors import DataError, LoopbookError, ScenarioError

TODAY = date(2026, 6, 30)

SCENARIO = """\
    name: notes
    title: Notes
    description: Reads notes and raises an alarm.
    task:
      fields: {note: text, score: number}
      label: {column: alarm, positive: ["yes"]}
    source:
      kind: csv
      path: notes.csv
      id: id
      time: when
    data:
      max_quarantine_share: 0.2
    training:
      candidates:
        majority: {architecture: majority}
    """


def good(number: int) -> str:
    alarm = "yes" if number % 2 else "no"
    return f"{number},2026-01-{number % 28 + 1:02d},note number {number} says {number * 7919},{number}.5,{alarm}"


HEADER = "id,when,note,score,alarm"
GOOD = [good(number) for number in range(1, 41)]


@dataclass
class Project:
    """A folder with a scenario and a file of forty good rows, which a case spoils."""

    root: Path
    text: str = dedent(SCENARIO)
    rows: list[str] = field(default_factory=lambda: list(GOOD))
    header: str = HEADER
    content: bytes | None = None

    def change(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def run(self) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
        """Go the way of notebook 02: load, check, collect, validate, clean, split."""
        (self.root / "notes.yaml").write_text(self.text, encoding="utf-8")
        content = self.content if self.content is not None else "\n".join([self.header, *self.rows, ""]).encode()
        (self.root / "notes.csv").write_bytes(content)
        scenario = loading.load("notes", self.root)
        sources.check(scenario, self.root)
        collected = sources.collect(scenario.source, self.root, self.root / "raw")
        rows, quarantine = validation.validate(collected, scenario, TODAY)
        assert len(rows) + len(quarantine) == collected.origin["rows"]
        rows, _ = cleaning.mask(validation.window(rows, scenario.data), scenario)
        rows, repeated = cleaning.deduplicate(rows, scenario)
        splits = splitting.split(rows, scenario)
        splitting.proof(splits, scenario)
        return splits, pd.concat([quarantine, repeated], ignore_index=True)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_the_good_project_has_nothing_to_complain_of(project):
    splits, quarantine = project.run()
    assert sum(map(len, splits.values())) == 40
    assert not len(quarantine)


SCENARIOS: dict[str, tuple[str, str, str]] = {
    # kind: (what stands in the file, what a case makes of it, what the error says)
    "unknown key": ("max_quarantine_share", "max_quarantene_share", r"yaml:\d+.*Did you mean 'max_quarantine_share'"),
    "wrong type": ("share: 0.2", "share: many", r"notes\.yaml:\d+: data\.max_quarantine_share.*'many'"),
    "out of range": ("share: 0.2", "share: 7", r"yaml:\d+: data\.max_quarantine_share is 7.*less than or equal to 1"),
    "unknown kind of field": ("note: text", "note: txt", r"notes\.yaml:\d+: task\.fields\.note.*Did you mean 'text'"),
    "unknown kind of source": ("kind: csv", "kind: cvs", r"notes\.yaml:\d+: source.*'cvs'"),
    "label as input": ("note: text,", "note: text, alarm: text,", "the label column 'alarm' cannot be an input"),
    "shares that are not one": ("data:\n", "data:\n  splits: {train: 0.9}\n", "add up to 1.3, not 1"),
    "split without its column": ("data:\n", "data:\n  splits: {by: group}\n", r"source must name its group column"),
    "empty window": ("data:\n", "data:\n  start: 2026-02-01\n  end: 2026-01-01\n", "is not before its end"),
    "broken YAML": ("task:", "task: [", r"notes\.yaml:\d+: not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCENARIOS)
def test_a_bad_scenario_names_line_value_and_intent(project, kind):
    old, new, message = SCENARIOS[kind]
    project.change(old, new)
    with pytest.raises(ScenarioError, match=message):
        project.run()


def _with(**values: Any):
    def spoil(project: Project) -> None:
        for name, value in values.items():
            setattr(project, name, value)

    return spoil


def _change(old: str, new: str):
    return lambda project: project.change(old, new)


def _table_absent(project: Project) -> None:
    with sqlite3.connect(project.root / "notes.db") as connection:
        connection.execute("create table notes (id text)")
    connection.close()
    project.change("kind: csv\n  path: notes.csv", "kind: sql\n  address: sqlite:///notes.db\n  table: note")


def _one_class(project: Project) -> None:
    project.rows = [row.replace(",yes", ",no") for row in GOOD]


def _other_case(project: Project) -> None:
    project.change('["yes"]', '["yess"]')


SOURCES: dict[str, tuple[Any, str]] = {
    "missing file": (_change("notes.csv", "note.csv"), r"note\.csv is not there .*Did you mean 'notes\.csv'"),
    "unknown column": (
        _change("{note: text", "{nota: text"),
        r"no column 'nota', which task\.fields\.nota names. Did you mean 'note'",
    ),
    "unknown label column": (_change("column: alarm", "column: alarms"), "no column 'alarms'.*Did you mean 'alarm'"),
    "empty file": (_with(content=b""), r"notes\.csv is empty"),
    "header only": (_with(rows=[]), "has a header and no rows"),
    "column twice": (_with(header="id,when,note,note,alarm"), "'note' more than once"),
    "wrong encoding": (
        _with(content="\n".join([HEADER, GOOD[0], GOOD[1].replace("note", "größte")]).encode("cp1252")),
        r"notes\.csv:3: byte 0xf6 is not utf-8. It is probably cp1252: set source.encoding",
    ),
    "UTF-16 taken for UTF-8": (_with(content="\n".join([HEADER, *GOOD]).encode("utf-16")), "probably utf-16"),
    "one class only": (_one_class, r"All 40 rows have one class, 'no': alarm has the values 'no' \(40\)"),
    "positive value misspelt": (_other_case, r"task\.label\.positive is 'yess'. Did you mean 'yes'"),
    "most rows bad": (
        _with(rows=[*GOOD, *(row.replace("2026-01", "01.2026") for row in GOOD[:20])]),
        r"20 of 60 rows \(33%\) cannot be used.*20 × bad-time, first on line 42",
    ),
    "decimal comma": (
        _with(rows=[row.replace(".5,", ",5,") for row in GOOD]),
        r"40 of 40 rows .*broken-line, first on line 2: 6 fields where the header has 5",
    ),
    "window without rows": (_change("data:\n", "data:\n  start: 2031-01-01\n"), "rows span 2026-01-01 to 2026-01-28"),
    "too few rows to split": (_with(rows=GOOD[:3]), "The split '.*' (is empty|has)"),
    "SQL table absent": (_table_absent, "source.table 'note' is not in the database. Did you mean 'notes'"),
    "SQL address": (
        _change("kind: csv\n  path: notes.csv", "kind: sql\n  address: my database\n  table: notes"),
        "is no SQLAlchemy address, such as sqlite:///",
    ),
    "unknown data set": (
        _change("kind: csv\n  path: notes.csv", "kind: catalog\n  dataset: nyt-editorals"),
        "Did you mean 'nyt-editorials'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_a_bad_source_says_what_where_and_what_to_do(project, kind):
    spoil, message = SOURCES[kind]
    spoil(project)
    with pytest.raises(LoopbookError, match=f"(?s){message}") as caught:
        project.run()
    assert isinstance(caught.value, DataError)


ROWS: dict[str, tuple[str, str, str]] = {
    # kind: (a forty-first row, its reason in quarantine, part of the detail)
    "too few fields": ("99,2026-01-01,short", "broken-line", "3 fields where the header has 5"),
    "too many fields": ("99,2026-01-01,a,b,c,d,e", "broken-line", "7 fields where the header has 5"),
    "quotation mark left open": ('99,2026-01-01,"never closed,1,yes', "broken-line", "not closed"),
    "missing label": ("99,2026-01-01,a note,1,", "missing-label", "no alarm"),
    "missing id": (",2026-01-01,a note,1,yes", "missing-id", "no id"),
    "duplicate id": ("7,2026-01-01,a note,1,yes", "duplicate-id", "an earlier row has the same id"),
    "missing time": ("99,,a note,1,yes", "missing-time", "no when"),
    "unreadable time": ("99,31/12/2025,a note,1,yes", "bad-time", "write YYYY-MM-DD"),
    "impossible day": ("99,2026-02-30,a note,1,yes", "bad-time", "'2026-02-30'"),
    "future date": ("99,2026-07-01,a note,1,yes", "future-date", "after 2026-06-30"),
    "no number": ("99,2026-01-01,a note,much,yes", "bad-number", "score is 'much', not a number up to"),
    "infinite number": ("99,2026-01-01,a note,inf,yes", "bad-number", "score is 'inf'"),
    "decimal comma in quotes": ('99,2026-01-01,a note,"1,5",yes', "bad-number", "set source.decimal"),
    "empty text": ("99,2026-01-01, \u200b ,1,yes", "empty-text", "nothing to read in note"),
    "text of a megabyte": (f"99,2026-01-01,{'long ' * 200_000},1,yes", "too-long", "1,000,000 characters"),
    "text that is there already": (GOOD[4].replace("5,", "99,", 1), "duplicate-text", "the same inputs as row 5"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_bad_row_is_counted_in_quarantine_with_its_line_and_reason(project, kind):
    row, reason, detail = ROWS[kind]
    project.rows.append(row)
    splits, quarantine = project.run()
    assert quarantine[["line", "reason"]].values.tolist() == [[42, reason]]
    assert detail in quarantine["detail"].iloc[0]
    assert len(quarantine["detail"].iloc[0]) <= 200
    assert len(quarantine["row"].iloc[0]) < 1000
    assert sum(map(len, splits.values())) == 40


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "=HYPERLINK(1)",
        "{{ 7 * 7 }}",
        "$\\frac{a}{b}$ `rm -rf`",
        "'; drop table notes; --",
        "../../etc/passwd",
    ],
)
def test_html_and_formulas_are_text_like_any_other(project, text):
    project.rows.append(f'99,2026-01-01,"{text}",1,yes')
    splits, quarantine = project.run()
    rows = pd.concat(splits.values())
    assert rows.loc[rows["row_id"] == "99", "note"].tolist() == [text]
    assert not len(quarantine)


def test_a_wrong_byte_in_the_mirror_is_refused(project, monkeypatch):
    project.change("kind: csv\n  path: notes.csv", "kind: catalog\n  dataset: nyt-editorials")
    project.change("{note: text, score: number}", "{text: text}")
    project.change('{column: alarm, positive: ["yes"]}', "{column: rating, below: 0.0}")
    project.change("  time: when\n", "")
    mirrored = project.root / "mirror" / catalog.find("nyt-editorials").mirror
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(b"1_1\t0.4\tNot the pinned content.\r\n")
    monkeypatch.setenv(catalog.MIRROR, str(project.root / "mirror"))
    with pytest.raises(DataError, match="At least one byte differs"):
        project.run()
    shutil.rmtree(project.root / "mirror")
    with pytest.raises(DataError, match=r"is missing\. Unset it to download"):
        project.run()
