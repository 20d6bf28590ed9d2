"""One figure while it is drawn and when it is finished: the style, the cleaning of texts, the SVG."""

import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b5629a", "#a87800", "#5b7f95")
"""After Okabe and Ito (2008): told apart with every kind of colour vision; each has contrast 3 on both papers."""

INK, MUTED, GRID, PAPER = "#22303c", "#5a6875", "#dfe4e8", "#ffffff"
_DARK = {INK: "#e6ebef", MUTED: "#a9b5bf", GRID: "#36414b", PAPER: "#171d23", "#0072b2": "#4aa8e0"}
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
_WIDTH = 5.0  # inches; at a phone's 350 pixels a letter of 10 points is still about 10 pixels high
_LETTERS = 70  # of an axis label and the names beside the axis together
_STYLE = {
    "font.size": 10,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; wide, so that the viewer's own font needs less room
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "loopbook",
}


@dataclass(frozen=True)
class Figure:
    """A finished figure.

    Attributes
    ----------
    svg
        The picture, a whole SVG document.
    alt
        What it shows, in words.
    """

    svg: str
    alt: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/svg+xml": self.svg, "text/plain": self.alt}
        return data, {"image/svg+xml": {"alt": self.alt}, "alt": self.alt}


def plain(text: object, length: int = 60) -> str:
    """Return a text without control, direction and broken characters, on one line, shortened to `length`."""
    clean = str(text).encode("utf-8", "replace").decode("utf-8")
    clean = re.sub(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "", clean)
    clean = re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", clean).strip()
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def middle(text: object, length: int = 28) -> str:
    """Return a text as `plain`, shortened in its middle, because long names often differ at their ends only."""
    clean = plain(text, 10_000)
    kept = (length - 1) // 2
    return clean if len(clean) <= length else f"{clean[:kept].rstrip()}…{clean[-(length - 1 - kept) :].lstrip()}"


def short(value: float) -> str:
    """Return a number in as few figures as tell it: 12,345 · 0.83 · 1.2e-05."""
    if not math.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 0.01 else f"{value:.3g}"


class Drawing:
    """One figure while it is drawn; `done` holds the result once `drawing` is left."""

    done: Figure

    def __init__(self, height: float) -> None:
        from matplotlib.figure import Figure as Canvas

        self.canvas: Any = Canvas(figsize=(_WIDTH, height), layout="constrained")

    def axes(self, x: str, y: str) -> Any:
        """Return axes that carry `x` and `y`."""
        axes = self.canvas.add_subplot()
        axes.set(xlabel=plain(x), ylabel=plain(y))
        return axes

    def cell(self, column: int, row: int, alpha: float) -> Any:
        """Return the shaded square of one cell of a grid."""
        from matplotlib.patches import Rectangle

        return Rectangle((column - 0.48, row - 0.47), 0.96, 0.94, facecolor=colour(0), alpha=alpha, linewidth=0)

    def names(self, axes: Any, names: list[object], horizontal: bool, room: int = 52) -> None:
        """Label the places of an axis, wrapped, or turned where there is room for so many letters only."""
        texts = ["\n".join(textwrap.wrap(plain(name), 22)) or " " for name in names]
        if horizontal:
            axes.set_yticks(range(len(texts)), texts)
            longest = max((len(line) for text in texts for line in text.split("\n")), default=0)
            axes.set_xlabel("\n".join(textwrap.wrap(axes.get_xlabel(), _LETTERS - longest)))
        elif sum(max(map(len, text.split("\n"))) for text in texts) > room:
            axes.set_xticks(range(len(texts)), texts, rotation=40, ha="right", rotation_mode="anchor")
        else:
            axes.set_xticks(range(len(texts)), texts)

    def legend(self, count: int) -> None:
        """Name the series under the picture, where nothing can be covered."""
        if count > 1:
            longest = max(len(text) for text in self.canvas.axes[0].get_legend_handles_labels()[1])
            columns = max(1, min(count, 46 // (longest + 6)))
            self.canvas.legend(loc="outside lower center", ncols=columns, fontsize=9.5, handlelength=2.6)


@contextmanager
def drawing(title: str, alt: str, content: Iterable[Any], height: float) -> Iterator[Drawing]:
    """Open a drawing in the one style and finish it; refuse one without title, alt text or content."""
    from matplotlib import rc_context

    if not title.strip() or not alt.strip():
        raise ValueError("A figure needs a title that states its finding and an alt text that says it in words.")
    if not list(content):
        raise ValueError(f"Nothing to draw in {plain(title)!r}: the table or mapping is empty.")
    with rc_context(_STYLE), warnings.catch_warnings():
        # The viewer's own font writes the letters, so a glyph missing in the font used for measuring is no problem.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        draw = Drawing(height)
        heading = "\n".join(textwrap.wrap(plain(title, 200), 48))
        draw.canvas.suptitle(heading, x=0.02, ha="left", fontsize=11, fontweight="bold", linespacing=1.25)
        yield draw
        file = io.StringIO()
        draw.canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": "Loopbook"})
        draw.done = Figure(_finish(file.getvalue()), plain(alt, 2_000))


def _finish(svg: str) -> str:
    """Give the picture the viewer's own font and a dark twin of each of the style's own colours."""
    rules = "".join(
        f'[style*="{mark}: {light}"]{{{mark}:{dark} !important}}'
        for light, dark in _DARK.items()
        for mark in ("fill", "stroke")
    )
    style = (
        "<style>text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
        f"@media (prefers-color-scheme:dark){{{rules}}}</style>"
    )
    start = svg.index("<svg")
    inside = svg.index(">", start) + 1
    return svg[start:inside] + style + svg[inside:]


def colour(at: int) -> str:
    """Return the colour of the series with this number."""
    return str(cycle(PALETTE, at))


def cycle(choices: Sequence[Any], at: int) -> Any:
    """Return choice number `at`, beginning again after the last."""
    return choices[at % len(choices)]
