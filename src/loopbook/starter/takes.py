"""What says in a file of interactions that an item was taken: a mark, an event, a rating, or that the row is there."""

from collections.abc import Collection, Sequence

from loopbook.data import parsing
from loopbook.scenario.errors import DataError
from loopbook.starter import document, words
from loopbook.starter.column import Column
from loopbook.starter.notation import quoted

LEAST = 200
"""Rows of what was taken that are enough to learn from."""

EVENTS = (
    ("purchase", "purchased", "buy", "bought", "order", "ordered", "transaction", "sale", "borrow", "borrowed", "rent"),
    ("addtocart", "cart", "basket", "wishlist", "save", "saved", "like", "liked", "favorite"),
    ("click", "clicked", "open", "opened", "play", "played", "read", "watched", "yes", "true"),
)
"""What somebody does who takes an item, the strongest first; of several in a file the strongest is learned."""
_ONE = frozenset((*("0", "1"), "yes", "no", "true", "false"))
_SCALE = 20  # values of a rating
_KEYED = frozenset(("", "s", "id", "ids", "no", "nr", "num", "number", "nummer", "code", "key"))  # glued to a name


def heard(name: str, among: Collection[str]) -> str:
    """Return what a column's name says among some words, `visitorid` and `StockCode` too, or nothing."""
    return next(
        (one for word in words.of(name) for one in among if word.startswith(one) and word[len(one) :] in _KEYED), ""
    )


def label_of(free: Sequence[Column], given: str | None) -> tuple[str, tuple[object, ...], str]:
    """Return what says that an item was taken: its column, the values that mean yes, and why."""
    if given is not None and given not in [one.name for one in free]:
        raise DataError(f"The interactions have no column {given!r} beside user, item and time.")
    marks = (
        *words.LABEL,
        *words.LABEL_LIKE,
        *(word for tier in EVENTS for word in tier),
        "taken",
        "chosen",
        "relevant",
    )
    for one in sorted((one for one in free if given in (None, one.name)), key=lambda one: not heard(one.name, marks)):
        values = list(one.counts)
        levels = {value: "".join(words.of(value)) for value in values}
        tiers = [tuple(value for value in values if levels[value] in tier) for tier in EVENTS]
        if len(values) > 1 and {parsing.level(value) for value in values} <= _ONE:
            yes = tuple(value for value in values if parsing.level(value) in ("1", "yes", "true"))
            unsaid = "" if given or heard(one.name, marks) else "; a guess, its name does not say so"
            return one.name, tuple(map(document.plain, yes)), f"{', '.join(yes)} or not{unsaid}"
        if one.kind in ("category", "constant") and any(tiers) and len(values) <= _SCALE:
            return _event(one, [tier for tier in tiers if tier])
        scale = one.numbers is not None and 2 < one.distinct <= _SCALE and words.heard(one.name, words.RATING)
        if scale:
            top = max(float(value) for value in values)
            yes = tuple(sorted((value for value in values if float(value) >= 0.8 * top), key=float))
            return one.name, tuple(map(document.plain, yes)), f"ratings up to {top:g}; from four fifths of that on"
    if given is not None:
        raise DataError(f"The column {given!r} says neither yes or no, nor an event, nor a rating up to a few stars.")
    return "", (), "no column says what was not taken"


def unrated(column: Column) -> str:
    """Return the value of a rating that says that nobody rated: one below zero, or a zero more frequent than all else.

    So -1 stands in files of films that were watched and not rated, and 0 in those of books beside 1 to 5 or 1 to 10.
    """
    if column.numbers is None or column.distinct <= 2:
        return ""
    least = min(column.counts, key=float)
    most = max(column.counts, key=lambda value: column.counts[value])
    return least if float(least) < 0 or (float(least) == 0 and least == most) else ""


def _event(column: Column, tiers: Sequence[tuple[str, ...]]) -> tuple[str, tuple[object, ...], str]:
    """Return the strongest events that are enough to learn from, as `_label` does; none of them: all rows are taken."""
    taken: tuple[str, ...] = ()
    for tier in tiers:
        taken += tier
        if sum(column.counts[value] for value in taken) >= LEAST:
            weaker = ", ".join(quoted(value) for value in column.counts if value not in taken)
            which = "strongest event" if taken == tiers[0] else f"strongest events of which there are {LEAST}"
            return (column.name, taken, f"the {which}; not: {weaker}") if weaker else ("", (), f"all are {tier[0]}")
    if len(taken) == len(column.counts):
        return "", (), f"all are {taken[0]}"
    return "", (), f"{', '.join(map(quoted, taken))} in fewer than {LEAST} rows, too few: every event counts"
