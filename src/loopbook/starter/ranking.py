"""The beginning of a ranking: which columns of up to three files are user, item and time, and what was taken."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from loopbook.data import download, files, parsing, raw_copies, sources, splitting, validation
from loopbook.scenario.errors import DataError, refuse
from loopbook.scenario.loading import load
from loopbook.scenario.task import HISTORY
from loopbook.starter import conversion, document, form, placing, roles, words
from loopbook.starter.column import Column, describe
from loopbook.starter.notation import quoted
from loopbook.store.project import Project

USER = ("user", "reader", "customer", "client", "visitor", "member", "account", "person", "buyer", "listener", "viewer")
ITEM = ("item", "product", "book", "movie", "film", "track", "song", "article", "sku", "isbn", "asin", "game", "title")
EVENTS = (
    ("purchase", "purchased", "buy", "bought", "order", "ordered", "transaction", "sale", "borrow", "borrowed", "rent"),
    ("addtocart", "cart", "basket", "wishlist", "save", "saved", "like", "liked", "favorite"),
    ("click", "clicked", "open", "opened", "play", "played", "read", "watched", "yes", "true"),
)
"""What somebody does who takes an item, the strongest first; of several in a file the strongest is learned."""
_ONE = frozenset((*("0", "1"), "yes", "no", "true", "false"))
_PARTS = {"shown": ("list", "impression", "slate", "request"), "place": ("place", "position", "rank", "slot")}
_LATER = ("rating", "ratings", "score", "views", "sales", "sold", "count", "popularity", "reviews", "average", "mean")
_LOOKED_AT, _SCALE, _FOUND = 50_000, 20, 0.5  # rows described; values of a rating; share of rows that find a partner


@dataclass(frozen=True)
class Opened:
    """One of the files: as what it is written, where it lies, and what is in it."""

    path: str
    copied: Path | None
    content: bytes
    form: form.Form
    rows: int
    columns: dict[str, Column]


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


@dataclass(frozen=True)
class Beginning:
    """What was written: as `beginning.Beginning`."""

    path: Path
    copied: tuple[Path, ...]
    guesses: tuple[tuple[str, str, str], ...]
    next: tuple[str, ...]
    readings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()


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
        opened[part] = _open(project, name if part == "rows" else f"{name}-{part}", file)
    draft = _guess(name, opened, label)
    progress("Trying the guesses: joining, checking rows and splits")
    draft = _tried(draft, project)
    copies = [one for one in opened.values() if one.copied is not None]
    for one in copies:
        placing.copy(one.content, one.copied)  # type: ignore[arg-type]
    placing.write(target, draft.written())
    return Beginning(target, tuple(one.copied for one in copies if one.copied), _guesses(draft), _next(draft))


def _open(project: Project, name: str, file: Path) -> Opened:
    raw = placing.read(file)
    table = conversion.as_csv(raw, file.name)
    if table is None:
        path, copied = placing.place(project, name, file)
    else:
        copied = (project.raw / raw_copies.FILES / f"{name}.csv").resolve()
        root = project.root.resolve()
        path = (copied.relative_to(root) if copied.is_relative_to(root) else copied).as_posix()
    content = raw if table is None else table
    written, _ = form.read(content, file.name)
    marks = files.CsvForm(written.delimiter, written.encoding, (), written.quoting, written.escapes)
    read = files.read_csv(content, marks, file.name)
    looked = read.rows[:: max(1, len(read.rows) // _LOOKED_AT)]
    values = zip(read.columns, zip(*looked, strict=True), strict=True)
    columns = {column: describe(column, list(cells), written) for column, cells in values}
    return Opened(path, copied, content, written, len(read.rows), columns)


def _guess(name: str, opened: dict[str, Opened], given: str | None) -> Draft:
    rows = opened["rows"]
    ids = {one.name: one for one in rows.columns.values() if one.kind not in ("time", "empty", "constant", "text")}
    pairs = {part: _pair(ids, part, one) for part, one in opened.items() if part != "rows"}
    taken = {on: part for part, (_, on, _) in pairs.items()}
    refuse(DataError, (len(taken) < len(pairs), f"Items and users are both named by {', '.join(map(quoted, taken))}."))
    named = {on: f"{share:.1%} of its values are rows of {part}" for part, (_, on, share) in pairs.items()}
    query = _called(ids, USER, "users", taken, named, "user")
    item = _called({one: ids[one] for one in ids if one != query[0]}, ITEM, "items", taken, named, "item")
    today = datetime.now(UTC)
    time = roles.time_of([one for one in rows.columns.values() if one.name not in (query[0], item[0])], today)
    free = [one for one in rows.columns.values() if one.name not in (query[0], item[0], time and time.column.name)]
    label = _label(free, given)
    parts: dict[str, str] = {}
    for what, heard in _PARTS.items():
        found = next((one.name for one in free if one.name != label[0] and words.heard(one.name, heard)), "")
        parts |= {what: found} if found else {}
    draft = Draft(name, rows, query, item, time, label, parts)
    draft = replace(draft, tables={part: (opened[part], key, on) for part, (key, on, _) in pairs.items()})
    left = {
        one.name: "known only of what was shown or taken; add it to task.fields if it was known before"
        for one in free
        if one.name not in (label[0], *parts.values())
    }
    return _with_fields(replace(draft, unused=left, personal={"": (query[0],) if _person(ids[query[0]]) else ()}))


def _person(column: Column) -> bool:
    return bool(column.personal) and column.kind != "number"


def _pair(rows: dict[str, Column], part: str, table: Opened) -> tuple[str, str, float]:
    """Return the key of a table, the column of the rows that names it, and the share of rows that find a partner."""
    found = [(0.0, 0.0, "", "")]
    for key in table.columns.values():
        if key.known < 0.98 * len(key.values) or key.distinct < 0.98 * key.known or key.kind == "time":
            continue
        for one in rows.values():
            hit = sum(count for value, count in one.counts.items() if value in key.counts) / max(1, one.known)
            alike = 0.2 * bool(set(words.of(one.name)) & {*words.of(key.name), part.removesuffix("s")} - {"id"})
            found.append((hit + alike, hit, key.name, one.name))
    _, share, key_name, on = max(found)
    if share < _FOUND:
        raise DataError(
            f"No column of the interactions names the rows of the {part}: of the best, {quoted(on)}, {share:.0%} of "
            f"the values are keys ({quoted(key_name)}). Each row of {part} needs a key of its own, which they name."
        )
    return key_name, on, share


def _called(
    ids: dict[str, Column], among: Collection[str], part: str, taken: dict[str, str], why: dict[str, str], what: str
) -> tuple[str, str]:
    """Return the column of users or of items, with the reason: what names a table's rows, is called so, or is left."""
    if on := next((name for name, of in taken.items() if of == part), ""):
        return on, why[on]
    free = [one for name, one in ids.items() if name not in taken and one.distinct >= 10]
    called = [one for one in free if words.heard(one.name, among)]
    often = [one for one in free if one.distinct <= roles.OFTEN * one.known and one.unit == ""]
    best = max(called or often, key=lambda one: one.distinct, default=None)
    if best is None:
        raise DataError(
            f"No column looks like that of the {what}: one whose name says so ({', '.join(among[:4])} …), or whose "  # type: ignore[index]
            f"values come again and again. Name it so in the file, or name {part.upper()}=file of {part}."
        )
    heard = words.heard(best.name, among)
    return best.name, f"{best.distinct:,} values" + (f", and its name says {heard!r}" if heard else "; a guess")


def _label(free: Sequence[Column], given: str | None) -> tuple[str, tuple[object, ...], str]:
    """Return what says that an item was taken: its column, the values that mean yes, and why."""
    if given is not None and given not in [one.name for one in free]:
        raise DataError(f"The interactions have no column {given!r} beside user, item and time.")
    for one in (one for one in free if given in (None, one.name)):
        values = list(one.counts)
        levels = {value: "".join(words.of(value)) for value in values}
        best = next((tier for tier in EVENTS if set(tier) & set(levels.values())), None)
        if len(values) > 1 and {parsing.level(value) for value in values} <= _ONE:
            yes = tuple(value for value in values if parsing.level(value) in ("1", "yes", "true"))
            return one.name, tuple(map(document.plain, yes)), f"{', '.join(yes)} or not"
        if one.kind in ("category", "constant") and best and len(values) <= _SCALE:
            strongest = tuple(value for value in values if levels[value] in best)
            weaker = ", ".join(quoted(value) for value in values if value not in strongest)
            return (
                (one.name, strongest, f"the strongest event; not: {weaker}")
                if weaker
                else ("", (), f"all are {best[0]}")
            )
        scale = one.numbers is not None and 2 < one.distinct <= _SCALE and words.heard(one.name, words.RATING)
        if scale:
            top = max(float(value) for value in values)
            yes = tuple(sorted((value for value in values if float(value) >= 0.8 * top), key=float))
            return one.name, tuple(map(document.plain, yes)), f"ratings up to {top:g}; from four fifths of that on"
    if given is not None:
        raise DataError(f"The column {given!r} says neither yes or no, nor an event, nor a rating up to a few stars.")
    return "", (), "no column says what was not taken"


def _with_fields(draft: Draft) -> Draft:
    """Return the draft with what is known of items and users as inputs, and with what was taken before."""
    fields: dict[str, tuple[str, str]] = {}
    seen, unused, protected = set(draft.rows.columns), dict(draft.unused), list(draft.protected)
    personal = dict(draft.personal)
    for part, (table, key, _) in draft.tables.items():
        columns = [one for one in table.columns.values() if one.name != key]
        for one in columns:
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
    refuse(DataError, (not fields, "Nothing is known of items, users or times: name ITEMS=file of items with texts."))
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
        *(("not used", quoted(name), why) for name, why in draft.unused.items()),
        ("rows", f"{draft.rows.rows:,}", draft.lost),
    ]
    return tuple(rows)


def _next(draft: Draft) -> tuple[str, ...]:
    return (
        f"task.label: whether this is what a taken item is ({draft.label[2]})",
        "task.fields: whether each was known when the list was made; a count that was made later gives the answer away",
        "decisions.costs: what a place costs, and what a taken item brings",
        "studies.lists: rules, diversity, and the share of places that is left to chance",
    )
