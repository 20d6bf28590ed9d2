"""The beginning of a ranking: which columns of up to three files are user, item and time, and what was taken."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from loopbook.data import download, sources, splitting, validation
from loopbook.scenario.errors import DataError, refuse
from loopbook.scenario.loading import load
from loopbook.scenario.task import HISTORY
from loopbook.starter import document, opened_file, parties, placing, roles, takes, words
from loopbook.starter.beginning import Beginning
from loopbook.starter.column import Column
from loopbook.starter.notation import quoted
from loopbook.starter.opened_file import Opened
from loopbook.store.project import Project

_PARTS = {"shown": ("list", "impression", "slate", "request"), "place": ("place", "position", "rank", "slot")}
_LATER = ("rating", "ratings", "score", "views", "sales", "sold", "count", "popularity", "reviews", "average", "mean")
_SMOKE = 3_000  # rows of a smoke run


@dataclass(frozen=True)
class Draft:
    """Everything that the scenario says; each guess with its reason."""

    name: str
    rows: Opened
    query: tuple[str, str]
    item: tuple[str, str]
    time: roles.Choice | None
    label: tuple[str, tuple[object, ...], str]  # column (empty: all are taken), values that mean yes, reason
    parts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, tuple[Opened, str, str]] = field(default_factory=dict)  # file, key, column of the rows
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    personal: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by table, "" for the rows
    protected: tuple[str, ...] = ()
    unused: dict[str, str] = field(default_factory=dict)
    quarantine: float = 0.2
    lost: str = ""

    @property
    def smoke(self) -> int:
        """Rows of a smoke run: enough to hold what is taken."""
        column = self.rows.columns.get(self.label[0])
        if column is None or column.kind == "constant":
            return _SMOKE
        taken = sum(count for value, count in column.counts.items() if document.plain(value) in self.label[1])
        return max(_SMOKE, round(1.5 * takes.LEAST * column.known / max(1, taken)))

    @property
    def unrated(self) -> str:
        """What stands for no rating in the column of the label; empty: nothing does."""
        return takes.unrated(self.rows.columns[self.label[0]]) if self.label[0] else ""

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """What stands for no value in the rows."""
        known, label = self.rows.missing, self.label[0]
        return known | ({label: (*self.rows.columns[label].tokens, self.unrated)} if self.unrated else {})

    @property
    def table(self) -> bool:
        """Whether there is an input that is no text."""
        return any(kind != "text" for kind, _ in self.fields.values())

    @property
    def texts(self) -> bool:
        """Whether there is an input that is a text."""
        return any(kind == "text" for kind, _ in self.fields.values())

    @property
    def title(self) -> str:
        """The column by which reasons call an item; empty: none looks like one."""
        columns = self.tables["items"][0].columns.values() if "items" in self.tables else ()
        return next((one.name for one in columns if words.heard(one.name, ("title", "name"))), "")

    def written(self) -> str:
        """Return the scenario file."""
        return document.template("ranking.yaml.j2").render(draft=self)


def begin(
    project: Project,
    name: str,
    given: dict[str, Path],
    label: str | None = None,
    progress: Callable[[str], None] = download.silent,
) -> Beginning:
    """Write a scenario that ranks items for users, from files of interactions, items and users.

    Parameters
    ----------
    given
        ``rows`` (interactions), and ``items`` and ``users`` where they are known: csv, JSON or Parquet.
    label
        The column that says what was taken; None: it is guessed.

    Raises
    ------
    ScenarioError, DataError
        If the name or a file does not fit; nothing has been written then.
    """
    target = project.scenarios / f"{name}.yaml"
    placing.refuse_name(name, target)
    opened = {}
    for part, file in given.items():
        progress(f"Looking at {file.name}")
        opened[part] = opened_file.read(project, name if part == "rows" else f"{name}-{part}", file)
    draft = _guess(name, opened, label)
    progress("Trying the guesses: joining, checking rows and splits")
    draft = _tried(draft, project)
    copies = [one for one in opened.values() if one.copied is not None]
    for one in copies:
        placing.copy(one.content, one.copied)  # type: ignore[arg-type]
    placing.write(target, draft.written())
    copied = tuple(one.copied for one in copies if one.copied)
    return Beginning(target, copied, _guesses(draft), _next(draft), doubts=_doubts(draft))


def _guess(name: str, opened: dict[str, Opened], given: str | None) -> Draft:
    rows = opened["rows"]
    ids = {one.name: one for one in rows.columns.values() if one.kind not in ("time", "empty", "text")}
    pairs = {part: parties.pair(ids, part, one.columns) for part, one in opened.items() if part != "rows"}
    taken = {on: part for part, (_, on, _) in pairs.items()}
    refuse(DataError, (len(taken) < len(pairs), f"Items and users are both named by {', '.join(map(quoted, taken))}."))
    named = {on: f"{share:.1%} of its values are rows of {part}" for part, (_, on, share) in pairs.items()}
    query = parties.called(ids, parties.USER, "users", taken, named, "user")
    item = parties.called(
        {one: ids[one] for one in ids if one != query[0]}, parties.ITEM, "items", taken, named, "item"
    )
    for what, (column, _) in (("user", query), ("item", item)):
        one = (
            f"All rows are of one {what}, {quoted(column)}: a ranking learns what several users take of several items."
        )
        refuse(DataError, (ids[column].distinct < 2, one))
    today = datetime.now(UTC)
    time = roles.time_of([one for one in rows.columns.values() if one.name not in (query[0], item[0])], today)
    free = [one for one in rows.columns.values() if one.name not in (query[0], item[0], time and time.column.name)]
    label = takes.label_of(free, given)
    parts: dict[str, str] = {}
    for what, heard in _PARTS.items():
        found = next((one.name for one in free if one.name != label[0] and words.heard(one.name, heard)), "")
        parts |= {what: found} if found else {}
    draft = Draft(name, rows, query, item, time, label, parts)
    draft = replace(draft, tables={part: (opened[part], key, on) for part, (key, on, _) in pairs.items()})
    left = {
        one.name: "the same for each item: with one row an item in a file of their own, ITEMS=file, it is an input"
        if "items" not in opened and parties.told(one, rows.columns[item[0]])
        else "known only of what was shown or taken; add it to task.fields if it was known before"
        for one in free
        if one.name not in (label[0], *parts.values())
    }
    return _with_fields(replace(draft, unused=left, personal={"": (query[0],) if _person(ids[query[0]]) else ()}))


def _person(column: Column) -> bool:
    return bool(column.personal) and column.kind != "number"


def _with_fields(draft: Draft) -> Draft:
    """Return the draft with what is known of items and users as inputs, and with what was taken before."""
    fields: dict[str, tuple[str, str]] = {}
    seen, unused, protected = set(draft.rows.columns), dict(draft.unused), list(draft.protected)
    personal = dict(draft.personal)
    for part, (table, key, _) in draft.tables.items():
        columns = [one for one in table.columns.values() if one.name != key]
        for one in columns:
            if part == "items" and one.personal.startswith("its name"):
                one = replace(one, personal="")  # an item's name is that of no person
            name = f"{part}_{one.name}" if one.name in seen else one.name
            seen.add(one.name)
            word = roles.about_people(one, columns) if part == "users" else ""
            later = words.heard(one.name, _LATER) if part == "items" and one.kind == "number" else ""
            reason = roles.unusable(one) or (
                f"its name says {later!r}: it may have been counted later" if later else ""
            )
            if one.personal:
                personal[part] = (*personal.get(part, ()), one.name)
            if word and one.kind in ("number", "category") and not one.personal:
                protected.append(name)
            elif word or reason:
                unused[name] = reason or f"its name says {word!r}"
            else:
                fields[name] = roles.field_of(one)
    if draft.time is not None:
        fields |= dict.fromkeys(HISTORY, ("number", "what had been taken before this moment"))
    if draft.label[0] == "" or not fields.get("pair_taken"):
        fields.pop("pair_taken", None)  # what is drawn beside was never taken before: it would give the answer away
    return replace(draft, fields=fields, unused=unused, protected=tuple(protected), personal=personal)


def _tried(draft: Draft, project: Project) -> Draft:
    """Return the draft with the share of rows that do not fit, after its data has been joined, checked and split."""
    with tempfile.TemporaryDirectory() as folder:
        for part, one in (("rows", draft.rows), *((part, table) for part, (table, *_) in draft.tables.items())):
            (Path(folder) / f"{part}.csv").write_bytes(one.content)
        text = replace(_moved(draft, folder), quarantine=0.9).written()
        (Path(folder) / f"{draft.name}.yaml").write_text(text, encoding="utf-8")
        scenario = load(draft.name, Path(folder))
        sources.check(scenario, project.root)
        collected = sources.collect(scenario.source, project.root, project.raw)
        rows, bad = validation.validate(collected, scenario, datetime.now(UTC).date())
    splitting.split(rows, scenario)
    share = len(bad) / max(1, len(bad) + len(rows))
    reasons = ", ".join(f"{why} {count:,}" for why, count in bad["reason"].value_counts().items())
    lost = f"{share:.1%} of the rows do not fit: {reasons}" if len(bad) else ""
    return replace(draft, quarantine=round(max(0.05, min(0.9, 1.5 * share)), 2), lost=lost)


def _moved(draft: Draft, folder: str) -> Draft:
    """Return the draft with its files in a folder."""
    tables = {
        part: (replace(table, path=f"{folder}/{part}.csv"), key, on) for part, (table, key, on) in draft.tables.items()
    }
    return replace(draft, rows=replace(draft.rows, path=f"{folder}/rows.csv"), tables=tables)


def _guesses(draft: Draft) -> tuple[tuple[str, str, str], ...]:
    column, yes, why = draft.label
    taken = f"{column}: {', '.join(map(str, yes))}" if column else "all rows; others are drawn beside them"
    rows = [
        ("task", "an ordered list of items for a user (ranking)", ""),
        ("user", quoted(draft.query[0]), draft.query[1]),
        ("item", quoted(draft.item[0]), draft.item[1]),
        ("taken", taken, why),
        ("time", quoted(draft.time.column.name) if draft.time else "none", draft.time.reason if draft.time else ""),
        *((part, quoted(name), "by its name") for part, name in draft.parts.items()),
        *((part, f"{table.rows:,} rows, by {quoted(key)}", "") for part, (table, key, _) in draft.tables.items()),
        *((f"{kind} input", quoted(name), why) for name, (kind, why) in draft.fields.items()),
        *(
            ("personal", f"{part or 'rows'}: {', '.join(map(quoted, all_))}", "")
            for part, all_ in draft.personal.items()
            if all_
        ),
        *(("protected", quoted(name), "fairness is watched over it; never an input") for name in draft.protected),
        *(("not used", quoted(name), why) for name, why in draft.unused.items()),
        ("rows", f"{draft.rows.rows:,}", draft.lost),
    ]
    return tuple(rows)


def _doubts(draft: Draft) -> tuple[str, ...]:
    """Return what may have been read otherwise than it was meant."""
    said = [f"what is taken: {quoted(draft.label[0])} says {draft.label[2]}"] if "a guess" in draft.label[2] else []
    if draft.unrated:
        rating = draft.rows.columns[draft.label[0]]
        said.append(
            f"{draft.unrated} in {quoted(rating.name)} ({rating.counts[draft.unrated] / rating.known:.1%}) is read as "
            "no rating, so they teach nothing; without source.missing they are not taken, without task.label all are"
        )
    for one in draft.rows.columns.values():
        back = 0 if one.numbers is None or not words.heard(one.name, words.COUNTED) else float((one.numbers < 0).mean())
        if back and one.name != draft.label[0]:
            said.append(f"{back:.1%} of {quoted(one.name)} are negative, as of what is given back; they count as taken")
    for part, (table, key, _) in draft.tables.items():
        if twice := table.columns[key].known - table.columns[key].distinct:
            said.append(f"{twice:,} rows of {part} repeat a key ({quoted(key)}): of each, the first counts")
    return tuple(said)


def _next(draft: Draft) -> tuple[str, ...]:
    return (
        f"task.label: whether this is what a taken item is ({draft.label[2]})",
        "task.fields: whether each was known when the list was made; a count that was made later gives the answer away",
        "decisions.costs: what a place costs, and what a taken item brings",
        "studies.lists: rules, diversity, and the share of places that is left to chance",
    )
