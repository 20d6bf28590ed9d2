"""Which columns of interactions name users and items, and which rows of further files they name."""

from collections import Counter
from collections.abc import Collection

from loopbook.scenario.errors import DataError
from loopbook.starter import roles, words
from loopbook.starter.column import Column
from loopbook.starter.notation import quoted
from loopbook.starter.takes import heard

USER = (
    *("user", "reader", "customer", "client", "visitor", "member", "account", "person", "buyer", "listener", "viewer"),
    *("kunde", "leser", "nutzer", "benutzer", "mitglied"),
)
ITEM = (
    *("item", "product", "book", "movie", "film", "track", "song", "artist", "article", "sku", "stock", "isbn", "asin"),
    *("game", "title", "artikel", "buch", "titel", "produkt"),
)
_GATHERED = (
    *("order", "invoice", "transaction", "session", "basket", "receipt", "request"),
    *("rechnung", "bestellung", "bon"),
)
_FOUND, _UNIQUE = 0.5, 0.8  # share of rows that find a partner; of a table's keys that stand once in it


def pair(rows: dict[str, Column], part: str, table: dict[str, Column]) -> tuple[str, str, float]:
    """Return the key of a table, the column of the rows that names it, and the share of rows that find a partner."""
    found: list[tuple[float, float, str, str]] = []
    for key in table.values():
        if key.known < 0.98 * len(key.values) or key.distinct < _UNIQUE * key.known or key.kind == "time":
            continue
        for one in rows.values():
            hit = sum(count for value, count in one.counts.items() if value in key.counts) / max(1, one.known)
            alike = 0.2 * bool(set(words.of(one.name)) & {*words.of(key.name), part.removesuffix("s")} - {"id"})
            found.append((hit + alike, hit, key.name, one.name))
    _, share, key_name, on = max(found, default=(0.0, 0.0, "", ""))
    if share < _FOUND:
        best = f"of the best, {quoted(on)}, {share:.0%} of the values are keys ({quoted(key_name)})"
        raise DataError(
            f"No column of the interactions names the rows of the {part}: {best if on else 'no value is a key'}. "
            f"Each row of {part} needs a key of its own, which they name."
        )
    return key_name, on, share


def called(
    ids: dict[str, Column], among: Collection[str], part: str, taken: dict[str, str], why: dict[str, str], what: str
) -> tuple[str, str]:
    """Return the column of users or of items, with the reason: what names a table's rows, is called so, or is left."""
    if on := next((name for name, of in taken.items() if of == part), ""):
        return on, why[on]
    free = [one for name, one in ids.items() if name not in taken]
    spoken = [one for one in free if heard(one.name, among)]
    often = [one for one in free if 10 <= one.distinct <= roles.OFTEN * one.known and not _amount(one)]
    best = max(spoken or often, key=lambda one: one.distinct, default=None)
    if best is None:
        raise DataError(
            f"No column looks like that of the {what}: one whose name says so ({', '.join(among[:4])} …), or whose "  # type: ignore[index]
            f"values come again and again. Name it so in the file, or name {part.upper()}=file of {part}."
        )
    said = heard(best.name, among)
    return best.name, f"{best.distinct:,} values" + (f", and its name says {said!r}" if said else "; a guess")


def _amount(column: Column) -> bool:
    """Say whether a column counts or measures, or names what several items were taken in, so that it is no item."""
    named = words.heard(column.name, (*words.AMOUNT, *words.RATING, *words.COUNTED)) or heard(column.name, _GATHERED)
    numbers = column.numbers
    return bool(named or column.unit) or (numbers is not None and bool((numbers % 1 > 0).any()))


def told(column: Column, item: Column) -> bool:
    """Say whether a column tells of the item, not of the moment: an item has one value nearly always."""
    pairs = Counter((key, value) for key, value in zip(item.values, column.values, strict=True) if key and value)
    most: dict[str, int] = {}
    for (key, _), count in pairs.items():
        most[key] = max(most.get(key, 0), count)
    return column.distinct > 1 and item.distinct < 0.5 * item.known and sum(most.values()) > 0.98 * pairs.total()
