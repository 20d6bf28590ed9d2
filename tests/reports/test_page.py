"""From an executed notebook to the parts of a page."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from nbformat import v4
from tests.reports.conftest import Workshop, code, shown, text, training_cells

from loopbook.reports import page, prose
from loopbook.store.records import ErrorRecord, ParameterRecord, StageRecord


def made(workshop: Workshop, record: StageRecord, committed: bool = False) -> page.Page:
    """Return the page of a record."""
    found = page.page(record, workshop.data, workshop.notebooks if committed else None, str(workshop.root))
    assert found is not None
    return found


def test_first_cell_gives_title_and_facts(workshop: Workshop) -> None:
    found = made(workshop, workshop.stage("03_training", training_cells(), "lstm"))
    assert found.title == "3 · Training · lstm"
    assert dict(found.facts) == {
        "Goal": "how good is this architecture, honestly measured?",
        "Reads": "<code>train</code>, <code>validation</code>",
        "Writes": "<code>model</code>, <code>predictions</code>",
        "Runtime": "about a minute",
    }
    assert found.slug == "03_training-lstm"


def test_mathematics_and_money_are_told_apart(workshop: Workshop) -> None:
    html = "".join(cell.html for cell in made(workshop, workshop.stage("03_training", training_cells())).cells)
    assert html.count("<math") == 2
    assert "$5 or $6 is money" in html


def test_sections_have_addresses_of_their_own(workshop: Workshop) -> None:
    found = made(workshop, workshop.stage("03_training", training_cells(), "lstm"))
    assert [text for _, text in found.sections] == ["1 · What the model will see", "2 · Fit", "3 · Measured"]
    assert len({name for name, _ in found.sections}) == 3
    for name, _ in found.sections:
        assert any(f'<h2 id="{name}">' in cell.html for cell in found.cells)


LONG = "This is why it is done, at some length. " * 6


@pytest.mark.parametrize(
    ("markdown", "folded"),
    [
        ("## A\nThe question.\n\n" + LONG, [LONG]),
        ("The question.\n\n- " + LONG + "\n- $x$\n\n> quoted", [LONG]),
        (f"## A\nOne.\n\n{LONG}\n\n### B\nTwo.\n\n{LONG}", [LONG, LONG]),
        ("## A\nThe question.\n\nA word more.", []),
        ("## A\n" + LONG * 2, []),
        ("- a list\n\n" + LONG, []),
        (f"One.\n\n> Two.\n>\n> ## A\n> Three.\n>\n> {LONG}\n\n{LONG}", []),
    ],
)
def test_what_follows_the_first_paragraph_of_a_section_is_folded_if_it_is_long(
    markdown: str, folded: list[str]
) -> None:
    html = prose.html(markdown, [])
    parts = html.split('<details class="long"><summary>More</summary>')[1:]
    assert len(parts) == len(folded)
    assert all(text.strip() in part.partition("</details>")[0] for part, text in zip(parts, folded, strict=True))
    ElementTree.fromstring(f"<div>{html}</div>")  # no element is cut in two


def test_code_is_there_with_its_colours_and_injected_parameters_are_not(workshop: Workshop) -> None:
    cells = made(workshop, workshop.stage("03_training", training_cells())).cells
    written = "".join(cell.code for cell in cells)
    assert '<span class="n">plots</span>' in written
    assert "injected" not in [cell.name for cell in cells]


def test_page_shows_todays_prose_around_the_stored_outputs(workshop: Workshop) -> None:
    record = workshop.stage("03_training", training_cells())
    now = training_cells()
    now[3] = text("## 1 · Better words", "see")
    now.insert(4, text("A new sentence.", "new"))
    del now[2]
    workshop.commit("03_training", now)
    html = "".join(cell.html for cell in made(workshop, record, committed=True).cells)
    assert "Better words" in html and "A new sentence." in html
    assert "What the model will see" not in html
    assert made(workshop, record, committed=True).pictures


def test_prose_is_matched_by_id_when_the_code_is_another_by_now(workshop: Workshop) -> None:
    record = workshop.stage("03_training", training_cells())
    workshop.commit("03_training", [text("## Today", "see"), code("other()", "other")])
    found = made(workshop, record, committed=True)
    assert "Today" in "".join(cell.html for cell in found.cells)
    assert "sample" in [cell.name for cell in found.cells]


def test_failing_cell_is_marked_and_shows_its_last_output(workshop: Workshop) -> None:
    error = v4.new_output("error", ename="ValueError", evalue="x", traceback=["ValueError: x"])
    stream = v4.new_output("stream", name="stdout", text="epoch 1")
    record = workshop.stage(
        "03_training", [code("ok()", "a"), code("bad()", "b", [stream, error])], state="failed",
        error=ErrorRecord(kind="ValueError", message="x", cell="b"),
    )  # fmt: skip
    found = made(workshop, record)
    assert [cell.failed for cell in found.cells] == [False, True]
    assert [each.kind for each in found.cells[1].outputs] == ["text", "error"]
    assert found.error == ""


def test_failure_outside_any_cell_is_told_at_the_top(workshop: Workshop) -> None:
    error = ErrorRecord(kind="DeadKernel", message="the kernel died: out of memory")
    found = made(workshop, workshop.stage("03_training", [code("a()", "a")], state="failed", error=error))
    assert "out of memory" in found.error


def test_stage_without_a_notebook_has_no_page(workshop: Workshop) -> None:
    assert page.page(StageRecord(stage="04_x", key="", state="skipped"), workshop.data, None, "") is None
    gone = StageRecord(stage="04_x", key="k", state="done", notebook="store/gone/notebook.ipynb")
    assert page.page(gone, workshop.data, None, "") is None


def test_name_of_a_candidate_cannot_leave_the_folder() -> None:
    record = StageRecord(stage="03_training", candidate="../../etc/passwd", key="", state="done")
    assert "/" not in page.slug(record) and not page.slug(record).startswith(".")


def test_notebook_cut_off_in_a_word_is_shown_as_far_as_it_can_be_read(workshop: Workshop) -> None:
    record = workshop.stage("03_training", [text("# Title \ud800", "a")])
    path = workshop.data / str(record.notebook)
    path.write_bytes(
        json.dumps({"cells": [{"cell_type": "markdown", "source": "# A\xe9"}]}, ensure_ascii=False).encode("latin-1")
    )
    assert made(workshop, record).title.startswith("A")


def test_prose_has_no_heading_above_the_second_level_and_no_picture_from_elsewhere() -> None:
    html = prose.html("# One\n### Three\n![seen](https://example.org/a.png)\n\n<script>alert(1)</script>")
    assert "<h1" not in html and "<h2>One</h2>" in html and "<h3>Three</h3>" in html
    assert "example.org" not in html and "seen" in html and "alert" not in html


def test_table_of_parameters_is_shown_once(workshop: Workshop) -> None:
    table = shown({"text/html": "<table><tr><td>epochs</td></tr></table>"})
    cells = [code('stage = Stage.open("03_training")\nstage.parameters', "a", [table])]
    record = workshop.stage("03_training", cells, parameters=(ParameterRecord(name="epochs", value=3),))
    assert made(workshop, record).cells[0].outputs == ()
    assert made(workshop, workshop.stage("03_training", cells)).cells[0].outputs != ()
