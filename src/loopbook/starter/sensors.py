"""The beginning of an anomaly task: which columns are time and sensors, what a window is, which failures are known."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.data import download, parsing, sources, splitting, validation
from loopbook.scenario.errors import DataError, refuse
from loopbook.scenario.loading import load
from loopbook.scenario.series import FEATURES
from loopbook.starter import document, opened_file, placing, roles, words
from loopbook.starter.beginning import Beginning
from loopbook.starter.column import Column
from loopbook.starter.notation import quoted
from loopbook.starter.opened_file import Opened
from loopbook.store.project import Project

_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)  # minutes
_DAY, _WEEK, _SEASON = 1_440, 10_080, 129_600  # minutes; a step is a week at the most, a window 90 days
_WINDOWS = 6_000  # that a step makes at most, unless readings come less often
_LOOKS_BACK = 24  # steps
_FEATURES = ((3, FEATURES[:-1]), (10, ("now", "mean", "spread", "change", "z", "jitter")), (1_000, ("now", "z")))
"""Of each sensor, by how many sensors there are at most."""
_MANY = 10  # sensors, from which on no window has the step of a day before
_SHARES = (0.6, 0.5, 0.4, 0.3, 0.2)  # of the time that may be learned from: the first that leaves half the failures
_TRAIN, _LATER = 0.85, (0.5, 0.75)  # train's share of that; of the time after it, where gate and stream begin
_FAILED = frozenset(("anomaly", "anomalous", "outlier", "failure", "failures", "fault", "alarm"))
_MOST_FAILED = 0.3  # share of readings, above which a value is no failure
_COVERED, _KEPT = (0.5, 0.25, 0.1), 0.8  # shares of a window that must be there: the first that keeps most windows
_LEAST_DAYS = 6  # splits begin at midnight


@dataclass(frozen=True)
class Draft:
    """Everything that the scenario says; each guess with its reason."""

    name: str
    rows: Opened
    time: roles.Choice
    sensors: tuple[str, ...]
    by: str  # column that says which sensor a reading is of; empty: a column a sensor
    step: int  # minutes
    interval: float  # between readings, minutes
    lags: tuple[int, ...]
    known: tuple[tuple[datetime, datetime], ...]  # failures
    reason: str  # where they are from; empty: none is known
    dates: tuple[date, ...]  # from when validation, test, gate and stream are
    unused: dict[str, str]
    calendar: tuple[str, ...]
    covered: float = 0.5
    gaps: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What sensors are called."""
        return tuple(self.rows.columns[self.by].counts) if self.by else self.sensors

    @property
    def fields(self) -> tuple[str, ...]:
        """Inputs."""
        each = next(each for most, each in _FEATURES if len(self.names) <= most)
        lags = [f"lag_{lag}" for lag in self.lags]
        return (*(f"{name}_{one}" for name in self.names for one in (*each, *lags)), *self.calendar)

    @property
    def judged(self) -> bool:
        """Whether the test holds a known failure."""
        return any(self.dates[1] <= first.date() < self.dates[2] for first, _ in self.known)

    @property
    def injected(self) -> tuple[tuple[date, date], ...]:
        """Stretches of days that get simulated faults: validation, gate, and test if no failure is known there."""
        begin, test, gate, stream = self.dates
        return ((begin, test), (gate, stream)) if self.judged else ((begin, stream),)

    @property
    def window(self) -> float:
        """Hours that a window looks back."""
        return _back(self.step) / 60

    @property
    def monthly(self) -> int:
        """Windows a month."""
        return round(365.25 / 12 * _DAY / self.step)

    def written(self) -> str:
        """Return the scenario file."""
        return document.template("anomaly.yaml.j2").render(draft=self)


def begin(
    project: Project,
    name: str,
    file: Path,
    label: str | None = None,
    progress: Callable[[str], None] = download.silent,
) -> Beginning:
    """Write a scenario that says what is unusual in readings of sensors, from one file of them.

    Parameters
    ----------
    file
        Readings: a column a sensor, or one of all with another that names the sensor. csv, JSON or Parquet.
    label
        The column that says when something had failed; None: it is guessed, and may be lacking. It only judges.

    Raises
    ------
    ScenarioError, DataError
        If the name or the file does not fit; nothing has been written then.
    """
    target = project.scenarios / f"{name}.yaml"
    placing.refuse_name(name, target)
    progress(f"Looking at {file.name}")
    rows = opened_file.read(project, name, file)
    draft = _guess(name, rows, label)
    progress("Trying the guesses: windows and splits")
    draft = _tried(draft, project)
    if rows.copied is not None:
        placing.copy(rows.content, rows.copied)
    placing.write(target, draft.written())
    return Beginning(
        target, (rows.copied,) if rows.copied else (), _guesses(draft), _next(draft), doubts=_doubts(draft)
    )


def _guess(name: str, rows: Opened, given: str | None) -> Draft:
    columns = list(rows.columns.values())
    time = roles.time_of(columns, datetime.now(UTC))
    if time is None:
        raise DataError("No column holds the time of each reading, without which readings make no series.")
    refuse(DataError, (given and given not in rows.columns, f"The file has no column {given!r}."))
    at = parsing.times(_cells(rows, time.column.name), time.column.formats, time.column.missing_as)[0]
    free = [one for one in columns if one.name != time.column.name]
    failed = rows.columns[given] if given else next(filter(_says_failure, free), None)
    free = [one for one in free if one is not failed]
    unused = {one.name: reason for one in free if (reason := roles.unusable(one))}
    numbers = [one.name for one in free if one.kind == "number" and one.name not in unused]
    unused |= {one.name: "no number" for one in free if one.name not in (*unused, *numbers)}
    refuse(DataError, (not numbers, "No column holds numbers that change: there is no sensor to watch."))
    by = _named_by(rows, at, [one for one in free if one.kind == "category"], numbers)
    unused.pop(by, None)
    moments = at.dropna().sort_values()
    span = (moments.iloc[-1] - moments.iloc[0]) / pd.Timedelta(days=1)
    refuse(
        DataError,
        (
            span < _LEAST_DAYS,
            f"The readings span {span:.1f} days; at least {_LEAST_DAYS} are needed to learn and judge.",
        ),
    )
    interval = _interval(rows, at, by)
    step = next((one for one in _STEPS if one >= interval and span * _DAY / one <= _WINDOWS), None)
    step = max(_STEPS[-1], round(interval)) if step is None else step
    seldom = (
        f"A reading comes every {interval / _DAY:.0f} days; a step is a week at the most, so that a window is a season."
    )
    refuse(DataError, (step > _WEEK, seldom))
    known, reason = _known(rows, at, failed, given, timedelta(minutes=_back(step))) if failed else ((), "")
    several = len(rows.columns[by].counts) if by else len(numbers)
    daily = _DAY // step if _DAY % step == 0 and several <= _MANY else 0
    lags = tuple(sorted({1, 2, *([daily] if 2 < daily <= 288 else [])}))
    calendar = [*(["day_sin", "day_cos"] if step < _DAY else []), *(["week_sin", "week_cos"] if span > 28 else [])]
    return Draft(
        *(name, rows, time, tuple(numbers), by, step, interval, lags, known, reason),
        *(_dates(moments, known), unused, tuple(calendar)),
    )


def _back(step: int) -> int:
    """Return the minutes that a window looks back, whole steps of so many minutes."""
    return min(_LOOKS_BACK, _SEASON // step) * step


def _cells(rows: Opened, name: str) -> pd.Series:
    at = rows.table.columns.index(name)
    return pd.Series([row[at].strip() for row in rows.table.rows], dtype=object)


def _says_failure(column: Column) -> bool:
    """Say whether a column says when something had failed, by its name or by a value; a valve's state is a sensor."""
    among = _FAILED | words.TROUBLE | words.LABEL
    named = words.heard(column.name, among) or any(words.heard(value, words.TROUBLE) for value in column.counts)
    return column.kind in ("number", "category") and 2 <= column.distinct <= 10 and bool(named)


def _known(
    rows: Opened, at: pd.Series, column: Column, given: str | None, apart: timedelta
) -> tuple[tuple[tuple[datetime, datetime], ...], str]:
    """Return when something had failed by a column, stretches further `apart` than that, and how it was read."""
    values, often = _cells(rows, column.name), column.counts.most_common()
    trouble = [value for value, _ in often if words.heard(value, words.TROUBLE)]
    failing = trouble or [value for value, _ in often[1:]]
    failed = values.isin(failing).groupby(at).any().sort_index()
    share = float(failed.mean())
    other = [value for value, _ in often[1:] if value not in failing]
    said = f"the column {quoted(column.name)} says {', '.join(map(quoted, failing))}"
    said += f"; {', '.join(map(quoted, other))} counts as normal" if other else ""
    if share > _MOST_FAILED or not share:
        refuse(DataError, (given, f"Most readings would be failures: {said} in {share:.0%} of them."))
        return (), ""
    moments = failed.index[failed].to_series()
    spans = moments.groupby((moments.diff() > apart).cumsum()).agg(["first", "last"])
    second = timedelta(seconds=1)
    return tuple((first.to_pydatetime(), last.to_pydatetime() + second) for first, last in spans.to_numpy()), said


def _named_by(rows: Opened, at: pd.Series, levels: list[Column], numbers: list[str]) -> str:
    """Return the column that says which sensor a reading is of; empty: each has a column of its own.

    Raises
    ------
    DataError
        If readings of several things stand at the same moments, each with several sensors.
    """
    if at.duplicated().mean() < 0.3:
        return ""
    for column in sorted(levels, key=lambda one: one.distinct):
        if not pd.DataFrame({"at": at, "of": _cells(rows, column.name)}).duplicated().mean() < 0.05:
            continue
        refuse(
            DataError,
            (
                len(numbers) > 1,
                f"Readings of {column.distinct} different {quoted(column.name)} stand at the same moments, each with "
                f"{len(numbers)} numbers. A series is of one: write a file with the rows of one, or a column a sensor.",
            ),
        )
        return column.name
    return ""


def _interval(rows: Opened, at: pd.Series, by: str) -> float:
    """Return the usual minutes between readings, of the sensor that is read least often."""
    of = _cells(rows, by) if by else pd.Series("", at.index)
    gaps = [np.median(np.diff(np.unique(each.dropna().to_numpy()))) for _, each in at.groupby(of) if each.nunique() > 1]
    return float(max(gaps) / np.timedelta64(1, "m"))


def _dates(moments: pd.Series, known: tuple[tuple[datetime, datetime], ...]) -> tuple[date, ...]:
    """Return from when validation, test, gate and stream are: days on which equal shares of the readings lie before."""
    days = moments.dt.date
    firsts = [days.iloc[min(len(days) - 1, round(share * len(days)))] for share in _SHARES]
    later = [sum(first.date() >= day for first, _ in known) for day in firsts]
    best = next((at for at, count in enumerate(later) if count >= len(known) / 2), int(np.argmax(later)))
    learned = _SHARES[best]
    shares = (learned * _TRAIN, learned, *(learned + part * (1 - learned) for part in _LATER))
    found: list[date] = []
    for share in shares:
        day = days.iloc[min(len(days) - 1, round(share * len(days)))]
        found.append(max(day, (found[-1] if found else days.iloc[0]) + timedelta(days=1)))
    return tuple(found)


def _tried(draft: Draft, project: Project) -> Draft:
    """Return the draft with the share of a window that must be there, after its windows have been cut and split."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.csv").write_bytes(draft.rows.content)
        moved = replace(draft, rows=replace(draft.rows, path=f"{folder}/rows.csv"))
        found = {}
        for covered in _COVERED:
            (Path(folder) / f"{draft.name}.yaml").write_text(
                replace(moved, covered=covered).written(), encoding="utf-8"
            )
            scenario = load(draft.name, Path(folder))
            sources.check(scenario, project.root)
            try:
                found[covered] = scenario, sources.collect(scenario.source, project.root, project.raw)
            except DataError:
                if not found and covered == _COVERED[-1]:
                    raise
                continue
            if "gaps" not in found[covered][1].origin["caution"]:
                break
        most = max(len(collected.frame) for _, collected in found.values())
        covered = max(one for one, (_, collected) in found.items() if len(collected.frame) >= _KEPT * most)
        scenario, collected = found[covered]
        rows, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    splitting.split(rows, scenario)
    return replace(draft, covered=covered, gaps=collected.origin["caution"])


def _guesses(draft: Draft) -> tuple[tuple[str, str, str], ...]:
    rows = [
        ("task", "what is unusual in readings of sensors (anomaly)", "learned without a label"),
        ("time", quoted(draft.time.column.name), draft.time.reason),
        (
            "sensors",
            ", ".join(map(quoted, draft.names)),
            f"by {quoted(draft.by)}" if draft.by else "columns of numbers",
        ),
        ("step", f"{draft.step} minutes", f"a reading every {draft.interval:,.4g} minutes"),
        ("window", f"{draft.window:g} hours", f"{60 * draft.window / draft.step:g} steps"),
        ("failures", f"{len(draft.known)} known", draft.reason or "no column says when something had failed"),
        ("splits", ", ".join(day.isoformat() for day in draft.dates), "validation, test, gate and stream begin"),
        *(("not used", quoted(name), why) for name, why in draft.unused.items()),
        ("rows", f"{draft.rows.rows:,}", draft.gaps.replace("**", "")),
    ]
    return tuple(rows)


def _doubts(draft: Draft) -> tuple[str, ...]:
    """Return what may have been read otherwise than it was meant, and what cannot be judged."""
    said = []
    if not draft.known:
        said.append("no failure is known: whether alarms are right is judged by simulated faults alone")
    elif not draft.judged:
        said.append("the test's days hold no known failure: it is judged by simulated faults")
    if "counts as normal" in draft.reason:
        said.append(f"known failures: {draft.reason}")
    if draft.time.column.ambiguous:
        said.append(f"{quoted(draft.time.column.name)}: {draft.time.reason}")
    return tuple(said)


def _next(draft: Draft) -> tuple[str, ...]:
    return (
        "source.series.known: from when to when something had failed, as far as you know; it judges, teaches nothing",
        "source.series: the step, and how far a window looks back; a fault should fill a good part of a window",
        "task.false_alarms: how many false alarms a month you can bear; the threshold follows from it",
        "decisions.costs: what a stop, a failure and an inspection cost",
        "data.splits.dates: whether the time before the first of them was normal",
    )
