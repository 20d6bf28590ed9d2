"""Line charts, ridgelines, interval plots and sparklines, laid out for a template that turns them into SVG.

A drawing carries what it says in words (`alt`), for whoever cannot see it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from loopbook.reports.overview import number

WIDTH, HEIGHT = 300, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 26
_ROW = 26  # height of a line of an interval plot
_DOTS = 30  # points beyond which a line has none


@dataclass(frozen=True)
class Point:
    """A value where it is drawn, and what it says."""

    x: float
    y: float
    said: str


@dataclass(frozen=True)
class Series:
    """Values that belong together: a line, with its name."""

    name: str
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        return path(self.points)

    @property
    def dotted(self) -> bool:
        """Whether its points are few enough to be seen one by one."""
        return len(self.points) <= _DOTS


@dataclass(frozen=True)
class Chart:
    """Lines over a common axis.

    Attributes
    ----------
    series
        At most two: the first is the matter itself, the second what it is held against.
    across, ticks
        Places and words along the horizontal and the vertical axis.
    areas
        Filled outlines, the first at the back: distributions one before the other.
    """

    title: str
    alt: str
    series: tuple[Series, ...]
    across: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]
    areas: tuple[str, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


@dataclass(frozen=True)
class Bar:
    """A line of an interval plot, in the drawing's units; `chosen` is drawn in the colour of the matter itself."""

    name: str
    said: str
    y: float
    x: float
    low: float
    high: float
    chosen: bool


@dataclass(frozen=True)
class Intervals:
    """Values with their intervals, one below the other."""

    title: str
    alt: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    reference: float | None
    width: int = 420

    @property
    def height(self) -> int:
        return _ROW * len(self.bars) + 26


@dataclass(frozen=True)
class Spark:
    """A line as high as a word: how a number went from run to run."""

    alt: str
    path: str
    last: Point
    width: int = 110
    height: int = 26


def path(points: Sequence[Point]) -> str:
    """Return the SVG path through points."""
    return "M" + "L".join(f"{point.x:g} {point.y:g}" for point in points) if points else ""


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float, str]]],
    across: Sequence[tuple[float, str]],
    alt: str | None = None,
    limits: tuple[float, float] | None = None,
) -> Chart | None:
    """Draw lines.

    Parameters
    ----------
    title
        What is measured.
    series
        By name: place along, value, and what to call the place (``round 2``).
    across
        Places along that are marked, with their words.
    alt
        What the drawing says; None: every point of the first line.
    limits
        Ends of the vertical axis; None: those of the values.

    Returns
    -------
    Chart or None
        None if there is nothing to draw.
    """
    known = {name: values for name, values in series.items() if values}
    if not known:
        return None
    values = [value for points in known.values() for _, value, _ in points]
    places = [place for points in known.values() for place, _, _ in points] + [place for place, _ in across]
    least, most = limits or (min(values), max(values))
    along = _scale(min(places), max(places), _LEFT, WIDTH - _RIGHT)
    margin = 0.15 * ((most - least) or abs(most) or 1.0)
    up = _scale(least - margin, most + margin, HEIGHT - _BOTTOM, _TOP)
    drawn = tuple(
        Series(
            name,
            tuple(Point(along(place), up(value), f"{word}: {number(float(value))}") for place, value, word in points),
        )
        for name, points in known.items()
    )
    return Chart(
        title=title,
        alt=alt or f"{title}: {'; '.join(point.said for point in drawn[0].points)}.",
        series=drawn,
        across=tuple((along(place), word) for place, word in across),
        ticks=tuple((up(value), number(float(value))) for value in dict.fromkeys((least, most))),
    )


def ridges(title: str, steps: Sequence[tuple[str, Sequence[tuple[float, float, float]]]], alt: str) -> Chart | None:
    """Draw distributions one before the other, the last in front.

    Parameters
    ----------
    steps
        Name of each, and its buckets: left end, right end, count.
    """
    edges = [edge for _, buckets in steps for left, right, count in buckets if count for edge in (left, right)]
    if not edges:
        return None
    least, most = min(edges), max(edges)
    along = _scale(least, most, _LEFT, WIDTH - _RIGHT)
    apart = 0.45 * (HEIGHT - _TOP - _BOTTOM) / max(1, len(steps) - 1) if len(steps) > 1 else 0.0
    tall = (HEIGHT - _TOP - _BOTTOM) - apart * (len(steps) - 1)
    areas, places = [], []
    for at, (name, buckets) in enumerate(steps):
        floor = round(HEIGHT - _BOTTOM - apart * (len(steps) - 1 - at), 1)
        heights = [(left, right, count / ((right - left) or 1.0)) for left, right, count in buckets if count]
        top = max((height for *_, height in heights), default=0.0) or 1.0
        outline = [f"M{along(least):g} {floor:g}"]
        for left, right, height in heights:
            y = round(floor - tall * height / top, 1)
            outline.append(f"L{along(left):g} {floor:g}L{along(left):g} {y:g}L{along(right):g} {y:g}")
            outline.append(f"L{along(right):g} {floor:g}")
        areas.append("".join([*outline, f"L{along(most):g} {floor:g}"]))
        places.append((floor, name))
    ends = ((along(least), number(float(least))), (along(most), number(float(most))))
    return Chart(title, alt, (), ends, tuple(dict.fromkeys((places[0], places[-1]))), tuple(areas))


def intervals(
    title: str,
    rows: Sequence[tuple[str, float, float, float]],
    chosen: Collection[str] = (),
    reference: float | None = None,
    alt: str | None = None,
) -> Intervals | None:
    """Draw values with intervals: name, value, low, high; those that are `chosen` stand out."""
    if not rows:
        return None
    ends = [end for row in rows for end in row[1:]] + ([reference] if reference is not None else [])
    least, most = min(ends), max(ends)
    along = _scale(least, most, 132, 404)
    bars = tuple(
        Bar(
            name,
            f"{name}: {number(float(value))} ({number(float(low))} to {number(float(high))})",
            y=_ROW * at + 15.0,
            x=along(value),
            low=along(low),
            high=along(high),
            chosen=name in chosen,
        )
        for at, (name, value, low, high) in enumerate(rows)
    )
    return Intervals(
        title=title,
        alt=alt or f"{title}. {'; '.join(bar.said for bar in bars)}.",
        bars=bars,
        ticks=tuple((along(value), number(float(value))) for value in dict.fromkeys((least, most))),
        reference=None if reference is None else along(reference),
    )


def spark(name: str, values: Sequence[float]) -> Spark | None:
    """Draw how a number went, the oldest first; None if there is no way to tell of."""
    if len(values) < 2:
        return None
    least, most = min(values), max(values)
    along, up = _scale(0, len(values) - 1, 3, 104), _scale(least, most, 22, 4)
    points = [Point(along(at), up(value), "") for at, value in enumerate(values)]
    went = f"from {number(values[0])} to {number(values[-1])}, lowest {number(least)}, highest {number(most)}"
    return Spark(f"{name} over {len(values)} runs: {went}.", path(points), points[-1])


def _scale(least: float, most: float, first: float, last: float) -> Callable[[float], float]:
    """Return the way from values to places; a span of nothing lies in the middle."""
    span = most - least
    return lambda value: round(first + ((value - least) / span if span else 0.5) * (last - first), 1)
