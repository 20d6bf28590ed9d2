"""Figures: the same bytes for the same values, safe with any text, readable without seeing them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.figures import plots
from loopbook.figures.figure import plain, short

WORDS = {"title": "Losses fall until epoch 3", "alt": "The loss falls from 0.7 to 0.2 in three epochs."}
EPOCHS = {"train": ([1, 2, 3], [0.7, 0.4, 0.2]), "validation": ([1, 2, 3], [0.8, 0.5, np.nan])}
DAYS = pd.date_range("2026-01-01", periods=9, tz="UTC")
HOSTILE = "<script>alert(1)</script> $\\frac{ & \x00 \u202e]]> \U0001f600"


def every_kind(name: str) -> dict[str, plots.Figure]:
    """One figure of each kind, with `name` wherever a text from data may stand."""
    words = {"title": name, "alt": name}
    table = pd.DataFrame({name: [1.0, 2.5], "b": [0.2, np.nan]}, index=[name, "other"])
    estimate = pd.DataFrame({"value": [0.9, 0.8], "low": [0.8, 0.7], "high": [0.95, 0.9]}, index=[name, "b"])
    return {
        "lines": plots.lines({name: ([1, 2], [3, 4]), "b": ([1], [2])}, x=name, y=name, marks={name: (2, 4)}, **words),
        "diagonal": plots.lines({name: ([0, 1], [0, 1])}, x=name, y=name, diagonal=True, **words),
        "bars": plots.bars(table, x=name, y=name, **words),
        "horizontal": plots.bars(table[name], x=name, y=name, horizontal=True, **words),
        "intervals": plots.intervals(estimate, x=name, reference=0.5, reference_name=name, **words),
        "matrix": plots.matrix(pd.DataFrame([[5, 0], [0, 0]], [name, "b"], [name, "b"]), x=name, y=name, **words),
        "pairs": plots.matrix(many([name, *"bcdefghi"]), x=name, y=name, **words),
        "points": plots.points([1, 2, np.nan], [0, 1, 2], x=name, y=name, curves={name: ([1, 2], [0, 0])}, **words),
        "histogram": plots.histogram({name: [0.1, 0.2, np.inf], "b": [], "c": [1.0]}, x=name, **words),
        "timeline": plots.timeline(
            pd.DataFrame({name: range(9)}, index=DAYS), y=name, spans={name: (DAYS[1], DAYS[3])}, **words
        ),
    }


def many(names: list[str]) -> pd.DataFrame:
    """Counts of more classes than a grid can show: the first is taken for the second most often."""
    counts = 9 * np.eye(len(names), dtype=int)
    counts[0, 1], counts[2, 0], counts[3, 4] = 6, 3, 1
    return pd.DataFrame(counts, names, names)


def texts(figure: plots.Figure) -> list[str]:
    return [text for text in ElementTree.fromstring(figure.svg.encode("utf-8")).itertext() if text.strip()]


def test_hostile_text_is_drawn_as_text_in_every_kind() -> None:
    for kind, figure in every_kind(HOSTILE).items():
        root = ElementTree.fromstring(figure.svg.encode("utf-8"))
        assert not [node for node in root.iter() if node.tag.endswith(("script", "foreignObject"))], kind
        assert "\u202e" not in figure.svg and "\x00" not in figure.svg, kind
        assert "alert(1)" in "".join(root.itertext()), kind


def test_broken_characters_do_not_break_the_file() -> None:
    words = {"title": "\ud800 broken", "alt": "half a character: \udfff"}
    figure = plots.lines({"\ud83d": ([1, 2], [3, 4]), "b": ([1], [2])}, x="\udc00", y="\ufffe", **words)
    ElementTree.fromstring(figure.svg.encode("utf-8"))
    assert figure.alt.encode("utf-8")


def test_svg_names_no_address_but_those_of_its_own_vocabulary() -> None:
    for figure in every_kind("plain").values():
        root = ElementTree.fromstring(figure.svg)
        links = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")]
        assert all(link.startswith("#") for link in links)
        assert "url(http" not in figure.svg and "@import" not in figure.svg


def test_same_values_give_the_same_bytes_in_another_process() -> None:
    script = (
        "import json,sys; from loopbook.figures import plots;"
        "print(json.dumps(plots.lines({'a': ([1,2],[3,4])}, title='t', x='x', y='y', alt='a').svg))"
    )
    made = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert json.loads(made[0]) == plots.lines({"a": ([1, 2], [3, 4])}, title="t", x="x", y="y", alt="a").svg


def test_front_end_gets_svg_alt_text_and_plain_text() -> None:
    data, metadata = plots.lines(EPOCHS, x="epoch", y="loss", **WORDS)._repr_mimebundle_()
    assert data["image/svg+xml"].startswith("<svg")
    assert data["text/plain"] == WORDS["alt"]
    assert metadata["image/svg+xml"]["alt"] == WORDS["alt"]


def test_ipython_shows_the_figure_through_its_own_formatter() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    data, metadata = InteractiveShell.instance().display_formatter.format(
        plots.lines(EPOCHS, x="epoch", y="loss", **WORDS)
    )
    assert set(data) >= {"image/svg+xml", "text/plain"}
    assert metadata["image/svg+xml"]["alt"] == WORDS["alt"]


def test_figure_adapts_to_a_dark_page_and_to_the_readers_font() -> None:
    svg = plots.lines(EPOCHS, x="epoch", y="loss", **WORDS).svg
    assert "prefers-color-scheme:dark" in svg
    assert "system-ui" in svg
    assert "<text" in svg


def test_letters_are_nine_pixels_high_at_the_width_of_a_phone() -> None:
    for kind, figure in every_kind("plain").items():
        width = float(re.findall(r'viewBox="0 0 ([\d.]+) ', figure.svg)[0])
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", figure.svg)]
        assert min(sizes) * 348 / width >= 9, kind


@pytest.mark.parametrize(("title", "alt"), [("", "words"), ("words", "  ")])
def test_figure_without_finding_or_alt_text_is_refused(title: str, alt: str) -> None:
    with pytest.raises(ValueError, match="alt text"):
        plots.lines(EPOCHS, x="epoch", y="loss", title=title, alt=alt)


def test_nothing_to_draw_is_said_and_names_the_figure() -> None:
    with pytest.raises(ValueError, match="Losses fall"):
        plots.lines({}, x="epoch", y="loss", **WORDS)
    with pytest.raises(ValueError, match="empty"):
        plots.histogram({"a": [np.nan]}, x="p", **WORDS)


def test_intervals_name_the_column_that_is_missing() -> None:
    with pytest.raises(ValueError, match="missing: high"):
        plots.intervals(pd.DataFrame({"value": [1.0], "low": [0.0]}), x="AUC", **WORDS)


@pytest.mark.parametrize(("name", "whole"), [("always", True), ("by status_of_checking alone", False)])
def test_a_label_is_wrapped_where_names_beside_the_axis_leave_no_room_for_it(name: str, whole: bool) -> None:
    label = "cost of a decision, points, with corrected 95% interval"
    table = pd.DataFrame({"value": [1.0], "low": [0.5], "high": [1.5]}, index=[name])
    shown = texts(plots.intervals(table, x=label, **WORDS))
    assert (label in shown) == whole
    assert label in " ".join(shown)


def test_confusion_shows_counts_and_shares_of_the_row() -> None:
    table = pd.DataFrame([[75, 25], [1, 3]], ["no", "yes"], ["no", "yes"])
    words = "".join(ElementTree.fromstring(plots.matrix(table, x="predicted", y="true", **WORDS).svg).itertext())
    for part in ("75", "75% of row", "25% of row", "1"):
        assert part in words


def test_of_many_classes_the_worst_pairs_are_drawn_and_told_whatever_their_names() -> None:
    long = [f"balance_not_updated_after_{what}" for what in ("bank_transfer", "cheque_or_cash_deposit")]
    names = [*long, "<b>&amp;</b>", *(f"class {at}" for at in range(74))]
    figure = plots.matrix(many(names), x="said", y="true", **WORDS)
    shown = "".join(texts(figure))
    assert "6 · 40%" in shown and "3 · 25%" in shown and "1 · 10%" in shown
    ends = ("balance_not_u…_bank_transfer", "balance_not_u…r_cash_deposit")  # names that differ at their ends only
    assert all(end in shown for end in ends)
    assert "<b>&amp;</b>" in shown and "class 73" not in shown
    first, second, third = figure.alt.removeprefix(WORDS["alt"]).split("; ")
    assert first.strip() == f"{long[0]} → {long[1]}: 6, 40% of the first"
    assert second.startswith(f"<b>&amp;</b> → {long[0]}") and third.startswith("class 0 → class 1")


def test_many_classes_that_are_all_right_are_no_empty_figure() -> None:
    names = [f"class {at}" for at in range(9)]
    figure = plots.matrix(pd.DataFrame(np.eye(9), names, names), x="said", y="true", **WORDS)
    assert "No pair of different names." in "".join(texts(figure)) and "No pair" in figure.alt


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_few_classes_are_a_grid(classes: int) -> None:
    names = [f"class {at}" for at in range(classes)]
    shown = texts(plots.matrix(pd.DataFrame(np.eye(classes) * 7, names, names), x="said", y="true", **WORDS))
    assert shown.count("7") == classes
    assert sum(text.startswith("100%") for text in shown) == classes


@pytest.mark.parametrize(("rows", "told"), [(50, ""), (5_000, "600 of 5,000 rows")])
def test_points_of_many_rows_are_as_many_as_can_be_seen_and_say_so(rows: int, told: str) -> None:
    random = np.random.default_rng(1)
    shown = plots.points(random.normal(0, 1, rows), random.normal(0, 1, rows), x="x", y="y", reference=0, **WORDS)
    assert (told in "".join(texts(shown))) and ("rows" in "".join(texts(shown))) == bool(told)
    assert shown.svg.count("<use ") < 700
    with pytest.raises(ValueError, match="empty"):
        plots.points([np.nan], [1], x="x", y="y", **WORDS)


def test_figures_are_narrow_enough_for_a_phone() -> None:
    for kind, figure in every_kind("plain").items():
        width = float(ElementTree.fromstring(figure.svg).attrib["width"].removesuffix("pt"))
        assert width <= 400, kind


@pytest.mark.parametrize(
    ("value", "words"),
    [(12345.0, "12,345"), (0.8312, "0.831"), (0.000012, "1.2e-05"), (float("nan"), "–"), (1, "1"), (123.4, "123")],
)
def test_numbers_are_told_in_few_figures(value: float, words: str) -> None:
    assert short(value) == words


@given(st.text(alphabet=st.characters(), max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_becomes_one_clean_short_line(text: str) -> None:
    clean = plain(text)
    assert len(clean) <= 60 and "\n" not in clean
    ElementTree.fromstring(f"<a>{clean.replace('&', '').replace('<', '').replace('>', '')}</a>".encode())


def test_importing_plots_does_not_import_matplotlib() -> None:
    script = "import sys, loopbook.figures.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
