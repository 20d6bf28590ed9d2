"""Line charts, ridgelines, interval plots and sparklines, laid out for a template that turns them into SVG.

A drawing carries what it says in words (`alt`), for whoever cannot see it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from loopbook.reports.overview import number

Drawing = dict[str, Any]
"""What the macro of that name in ``parts.html.j2`` draws: `title`, `alt`, and where everything lies, in its units."""

WIDTH, HEIGHT = 300, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 26
_FRAME = {"width": WIDTH, "height": HEIGHT, "left": _LEFT, "areas": (), "series": ()}
_ROW = 26  # height of a line of an interval plot
_DOTS = 30  # points beyond which a line has none


def path(points: Iterable[tuple[Any, ...]]) -> str:
    """Return the SVG path through points: x, y and whatever else is known of each."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y, *_ in points)


def ticks(least: float, most: float, scale: Callable[[float], float]) -> list[tuple[float, str]]:
    """Return place and text of both ends of an axis; of one that has no length, one."""
    return [(scale(value), number(float(value))) for value in dict.fromkeys((least, most))]


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float, str]]],
    across: Sequence[tuple[float, str]],
    alt: str | None = None,
    limits: tuple[float, float] | None = None,
) -> Drawing | None:
    """Draw lines with the macro ``panel``.

    Parameters
    ----------
    title
        What is measured.
    series
        By name: place along, value, and what to call the place (``round 2``). At most two have points: the first is
        the matter itself, the second what it is held against.
    across
        Places along that are marked, with their words.
    alt
        What the drawing says; None: every point of the first line.
    limits
        Ends of the vertical axis; None: those of the values.

    Returns
    -------
    Drawing or None
        None if there is nothing to draw.
    """
    known = {name: values for name, values in series.items() if values}
    if not known:
        return None
    values = [value for points in known.values() for _, value, _ in points]
    places = [place for points in known.values() for place, _, _ in points] + [place for place, _ in across]
    least, most = limits or (min(values), max(values))
    along = scale(min(places), max(places), _LEFT, WIDTH - _RIGHT)
    margin = 0.15 * ((most - least) or abs(most) or 1.0)
    up = scale(least - margin, most + margin, HEIGHT - _BOTTOM, _TOP)
    drawn: list[Drawing] = [
        {
            "name": name,
            "points": [(along(place), up(value), f"{word}: {number(float(value))}") for place, value, word in points],
            "dotted": len(points) <= _DOTS,
        }
        for name, points in known.items()
    ]
    return _FRAME | {
        "title": title,
        "alt": alt or f"{title}: {'; '.join(said for *_, said in drawn[0]['points'])}.",
        "series": drawn,
        "across": [(along(place), word) for place, word in across],
        "ticks": ticks(least, most, up),
    }


def ridges(title: str, steps: Sequence[tuple[str, Sequence[tuple[float, float, float]]]], alt: str) -> Drawing | None:
    """Draw distributions one before the other, the last in front, with the macro ``panel``.

    Parameters
    ----------
    steps
        Name of each, and its buckets: left end, right end, count.
    """
    edges = [edge for _, buckets in steps for left, right, count in buckets if count for edge in (left, right)]
    if not edges:
        return None
    along = scale(min(edges), max(edges), _LEFT, WIDTH - _RIGHT)
    room, behind = HEIGHT - _TOP - _BOTTOM, len(steps) - 1
    apart = 0.45 * room / behind if behind else 0.0
    tall = room - apart * behind
    floors = [round(HEIGHT - _BOTTOM - apart * (behind - place), 1) for place in range(len(steps))]
    places = [(floor, name) for floor, (name, _) in zip(floors, steps, strict=True)]
    return _FRAME | {
        "title": title,
        "alt": alt,
        "across": [(along(edge), number(float(edge))) for edge in (min(edges), max(edges))],
        "ticks": list(dict.fromkeys((places[0], places[-1]))),
        "areas": [
            _outline(buckets, floor, tall, along, (min(edges), max(edges)))
            for floor, (_, buckets) in zip(floors, steps, strict=True)
        ],
    }


def _outline(
    buckets: Sequence[tuple[float, float, float]],
    floor: float,
    tall: float,
    along: Callable[[float], float],
    ends: tuple[float, float],
) -> str:
    """Return the filled outline of a histogram that stands on a floor, its highest bar so tall."""
    heights = [(left, right, count / ((right - left) or 1.0)) for left, right, count in buckets if count]
    top = max((height for *_, height in heights), default=0.0) or 1.0
    corners = [
        corner
        for left, right, height in heights
        for corner in ((left, 0.0), (left, height), (right, height), (right, 0.0))
    ]
    whole = [(ends[0], 0.0), *corners, (ends[1], 0.0)]
    return path((along(x), round(floor - tall * height / top, 1) if height else floor) for x, height in whole)


def intervals(
    title: str,
    rows: Sequence[tuple[str, float, float | None, float | None]],
    chosen: Collection[str] = (),
    reference: float | None = None,
    alt: str | None = None,
) -> Drawing | None:
    """Draw values with intervals, with the macro ``spread``: name, value, low, high; those that are `chosen` stand out.

    A value whose interval is not known (None) is a point alone.

    Returns
    -------
    Drawing or None
        None if there is no row.
    """
    if not rows:
        return None
    ends = [end for row in rows for end in row[1:] if end is not None] + ([] if reference is None else [reference])
    along = scale(min(ends), max(ends), 130, 328)
    bars = [
        {
            "name": name,
            "said": f"{name}: {number(value)}{bracketed(low, high)}",
            "y": _ROW * place + 15.0,
            "x": along(value),
            "low": along(value if low is None else low),
            "high": along(value if high is None else high),
            "chosen": name in chosen,
        }
        for place, (name, value, low, high) in enumerate(rows)
    ]
    return {
        "title": title,
        "alt": alt or f"{title}. {'; '.join(str(bar['said']) for bar in bars)}.",
        "bars": bars,
        "ticks": ticks(min(ends), max(ends), along),
        "reference": None if reference is None else along(reference),
        "width": 340,
        "height": _ROW * len(bars) + 26,
    }


def span(low: float | None, high: float | None) -> str:
    """Return an interval in words; nothing where it is not known."""
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def bracketed(low: float | None, high: float | None) -> str:
    """Return an interval in brackets, to stand behind its value; nothing where it is not known."""
    return f" ({found})" if (found := span(low, high)) else ""


def spark(name: str, values: Sequence[float]) -> Drawing | None:
    """Draw how a number went, the oldest first, with the macro ``spark``; None if there is no way to tell of."""
    if len(values) < 2:
        return None
    least, most = min(values), max(values)
    along, up = scale(0, len(values) - 1, 3, 104), scale(least, most, 22, 4)
    points = [(along(place), up(value)) for place, value in enumerate(values)]
    went = f"from {number(values[0])} to {number(values[-1])}, lowest {number(least)}, highest {number(most)}"
    alt = f"{name} over {len(values)} runs: {went}."
    return {"alt": alt, "path": path(points), "last": points[-1], "width": 110, "height": 26}


def scale(least: float, most: float, first: float, last: float) -> Callable[[float], float]:
    """Return the way from values to places; a span of nothing lies in the middle."""
    span = most - least
    return lambda value: round(first + ((value - least) / span if span else 0.5) * (last - first), 1)
