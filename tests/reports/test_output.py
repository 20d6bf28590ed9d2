"""Outputs of cells, made fit for a page."""

from __future__ import annotations

import pandas as pd
import pytest
from nbformat import v4
from tests.reports.conftest import HOSTILE, PIXEL, code, shown

from loopbook.reports.output import LONGEST_TEXT, Output, outputs, preformatted


def only(*made: object) -> Output:
    """Return the one output of a cell."""
    found = outputs(code("x", "c", list(made)), "03-c", "/srv/project")
    assert len(found) == 1
    return found[0]


def test_pieces_of_a_stream_are_joined_and_overwritten_lines_are_gone() -> None:
    pieces = [v4.new_output("stream", name="stdout", text=text) for text in ("10%\r50%", "\r100%\ndone", "!\n")]
    assert only(*pieces).html == "100%\ndone!"


def test_standard_error_is_told_apart() -> None:
    assert only(v4.new_output("stream", name="stderr", text="careful")).kind == "messages"


def test_colours_become_classes_never_styles() -> None:
    html = preformatted("\x1b[31mred\x1b[0m \x1b[38;5;200mother\x1b[0m \x1b[2Kgone", "")
    assert '<span class="ansi-red-fg">red</span>' in html
    assert "style" not in html
    assert "\x1b" not in html and "gone" in html


@pytest.mark.parametrize("media", ["stream", "plain", "error"])
def test_hostile_text_is_escaped_wherever_it_is_printed(media: str) -> None:
    made = {
        "stream": v4.new_output("stream", name="stdout", text=HOSTILE),
        "plain": shown({"text/plain": HOSTILE}),
        "error": v4.new_output("error", ename="E", evalue=HOSTILE, traceback=[HOSTILE]),
    }[media]
    html = only(made).html
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html
    assert "\u202e" not in html


def test_error_without_traceback_still_says_what_it_was() -> None:
    assert (
        only(v4.new_output("error", ename="ValueError", evalue="no rows", traceback=[])).html == "ValueError: no rows"
    )


def test_megabyte_of_text_is_cut_in_the_middle_and_says_so() -> None:
    html = only(v4.new_output("stream", name="stdout", text="a" * 1_000_000 + "end")).html
    assert len(html) < LONGEST_TEXT + 200
    assert "980,003 characters are left out" in html
    assert html.endswith("end")


def test_megabyte_of_html_is_not_shown_and_says_so() -> None:
    assert only(shown({"text/html": "<p>" + "a" * 1_000_000})).kind == "note"


def test_picture_is_preferred_and_carries_its_alt_text() -> None:
    made = only(shown({"image/png": PIXEL, "text/html": "<p>x</p>"}, **{"image/png": {"alt": 'a "figure" <b>'}}))
    assert made.picture is not None
    assert made.picture.alt == 'a "figure" <b>'
    assert made.picture.name == "03-c-1.png"
    assert made.picture.inline.startswith("data:image/png;base64,")


def test_alt_text_may_stand_beside_the_picture_or_in_its_plain_form() -> None:
    beside = only(shown({"image/png": PIXEL}, alt="rising"))
    plain = only(shown({"image/png": PIXEL, "text/plain": "falling"}))
    nothing = only(shown({"image/png": PIXEL, "text/plain": "<Figure size 640x480>"}))
    assert [made.picture.alt for made in (beside, plain, nothing) if made.picture] == [
        "rising", "falling", "A figure without a description."
    ]  # fmt: skip


def test_broken_picture_is_said_to_be_broken() -> None:
    assert only(shown({"image/svg+xml": "<svg"})).kind == "note"


def test_script_output_never_enters_the_page() -> None:
    made = only(shown({"application/javascript": "alert(1)"}))
    assert made.kind == "note"
    assert "alert" not in made.html and "application/javascript" in made.html


def test_script_beside_a_table_is_left_out() -> None:
    made = only(shown({"application/javascript": "alert(1)", "text/html": "<table><tr><td>5</td></tr></table>"}))
    assert made.kind == "html" and "alert" not in made.html


def test_paths_in_tracebacks_are_the_projects() -> None:
    trace = ["File \x1b[32m/srv/project/src/loopbook/a.py:3\x1b[39m", 'File "/etc/some/own.py"']
    html = only(v4.new_output("error", ename="E", evalue="", traceback=trace)).html
    assert "src/loopbook/a.py:3" in html
    assert "/srv" not in html and "/etc" not in html


def test_table_without_rows_says_so() -> None:
    assert only(shown({"text/html": pd.DataFrame().to_html()})).kind == "note"
    assert "No rows." in only(shown({"text/html": pd.DataFrame({"need": []}).to_html()})).html
