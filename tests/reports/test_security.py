"""What may enter a page: nothing that runs, nothing that reaches out, nothing that breaks the page."""

from __future__ import annotations

import re
import sys
from html import unescape
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.reports import security

ATTACKS = [
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg onload=window.ran=1><script>1</script></svg>",
    "<iframe src=https://example.org></iframe>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>1</script>'>x</a>",
    "<a href=//example.org/x>x</a>",
    "<form action=https://example.org><input name=a><button>go</button></form>",
    "<style>@import url(https://example.org/a.css)</style>",
    "<table style='background:url(https://example.org)'><tr><td onclick=1>x</td></tr></table>",
    "<math><mtext><table><mglyph><style><img src=x onerror=1>",
    "<noscript><p title='</noscript><img src=x onerror=1>'>",
    "<link rel=stylesheet href=https://example.org/a.css><meta http-equiv=refresh content=0><base href=https://e.org>",
    "<p id=content class='unseen \"x'>x</p><object data=x></object><video src=x></video>",
    "<<script>script>alert(1)<</script>/script>",
    "<table><tr><td><![CDATA[<script>1</script>]]><!-- <script> --></td></tr></table>",
    "<a href='java&#x09;script:alert(1)'>x</a><a href='\\\\example.org'>x</a><a href='HTTPS:example.org'>x</a>",
    "<math><annotation-xml encoding=text/html><style><img src=x onerror=1></style></annotation-xml></math>",
    "<svg><title><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<td class=x colspan=9999 rowspan='1 onclick=1' scope=row data-x=1>x</td><template><script>1</script></template>",
]


class Seen(HTMLParser):
    """Every tag and attribute of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def assert_harmless(html: str) -> None:
    seen = Seen(html)
    assert seen.tags <= security.TAGS
    for name, value in seen.attributes:
        assert name in {"href", "class", "colspan", "rowspan", "scope", "rel", "tabindex", "role", "aria-label"}
        if name == "href":
            assert not re.match(r"\s*(javascript|data|//|http:)", value)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_or_reaches_out_is_left(attack: str) -> None:
    assert_harmless(security.clean_html(attack))


@given(
    st.lists(st.sampled_from([*ATTACKS, "<", ">", '"', "'", "&lt;", "&#60;script&#62;", "<td>", "</td>", "<p", "\x00"]))
)
@settings(max_examples=150, deadline=None)
def test_pieces_of_attacks_in_any_order_are_harmless(pieces: list[str]) -> None:
    assert_harmless(security.clean_html("".join(pieces)))


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = security.clean_html(f"<p>{text}</p>")
    assert security.clean_html(once) == once


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_filter_of_attributes_never_raises_because_the_cleaner_would_go_on(
    attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)
    security.clean_html(attack)
    assert raised == []


def test_style_sheets_of_tables_are_not_shown_as_text() -> None:
    html = "<style scoped>.dataframe {color: red}</style><table class='dataframe'><tr><td>1</td></tr></table>"
    assert "color" not in security.clean_html(html)


def test_tables_scroll_in_their_own_box_and_headers_say_their_scope() -> None:
    html = security.clean_html(
        "<table><thead><tr><th></th><th>p</th></tr></thead><tbody><tr><th>a</th><td>0.25</td></tr></tbody></table>"
    )
    assert html.startswith('<div class="scroll" tabindex="0" role="group"')
    assert '<th scope="col" class="n">p</th>' in html
    assert '<th scope="row">a</th>' in html
    assert '<td class="n">0.25</td>' in html
    assert "<tr><td></td>" in html


def test_outside_links_tell_nobody_where_the_reader_came_from() -> None:
    html = security.clean_html('<a href="https://example.org/a?b=1&amp;c=2">x</a> <a href="other.html#part">y</a>')
    assert 'href="https://example.org/a?b=1&amp;c=2" rel="noreferrer' in html
    assert '<a href="other.html#part">y</a>' in html


def test_svg_loses_what_would_run_if_its_file_were_opened() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()">'
        '<script>1</script><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>'
        '<style>@import "https://example.org/a.css";</style><style>text{fill:red}</style>'
        '<image href="https://example.org/a.png"/><use xlink:href="#a"/><use xlink:href="https://example.org/#a"/>'
        '<a href="javascript:1"><text>hidden</text></a>'
        '<rect style="fill:url(https://example.org)" fill="url(#g)"/></svg>'
    )
    clean = (security.clean_svg(svg) or b"").decode()
    for word in ("script", "foreignObject", "example.org", "onload", "<image"):
        assert word not in clean
    for word in ("text{fill:red}", 'xlink:href="#a"', "url(#g)"):
        assert word in clean


@pytest.mark.parametrize("svg", ["", "<svg", "<html/>", '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>'])
def test_what_is_no_svg_is_refused(svg: str) -> None:
    assert security.clean_svg(svg) is None


def test_text_loses_broken_characters_and_marks_that_turn_the_direction() -> None:
    assert security.visible("a\ud800b\u202ec\x00d\x1be\n\tf\u200f") == "a?bcde\n\tf\u200f"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/srv/project/src/loopbook/a.py:3", "src/loopbook/a.py:3"),
        ("/opt/venv/lib/python3.11/site-packages/keras/a.py", "site-packages/keras/a.py"),
        ("/usr/lib/python3.11/json/decoder.py", "python3.11/json/decoder.py"),
        ("/somewhere/else/src/loopbook/store/a.py", "src/loopbook/store/a.py"),
        ("/var/folders/x/ipykernel_123/456.py", "this cell"),
        ("/home/somebody/notes.txt", "~/notes.txt"),
        ("https://example.org/a/b/c", "https://example.org/a/b/c"),
        ("1/2 of and/or", "1/2 of and/or"),
    ],
)
def test_paths_of_the_machine_are_told_from_the_project_on(path: str, told: str) -> None:
    assert security.shorten_paths(path, "/srv/project") == told


def test_tracebacks_name_no_other_folder_either() -> None:
    assert security.shorten_paths('File "/secret/of/a/b.py", line 3', "", everything=True) == 'File "…/b.py", line 3'


def test_single_file_allows_its_own_style_and_nothing_else() -> None:
    policy = security.single_file_policy("body{}")
    assert "script-src" not in policy and "default-src 'none'" in policy
    assert policy != security.single_file_policy("body{ }")


@pytest.mark.parametrize("column", ["a", "a" * 70, "<b>&"])
def test_head_in_two_rows_becomes_one(column: str) -> None:
    table = pd.DataFrame({column: [1], "b": [2]}, index=pd.Index(["x"], name="name"))
    html = security.clean_html(table.to_html())
    assert html.count("<tr>") == 2
    heads = re.findall(r'<th scope="col"[^>]*>(.+?)</th>', html.replace("<wbr>", ""))
    assert [unescape(head) for head in heads] == ["name", column, "b"]


def test_long_word_may_break_and_stays_the_same_word() -> None:
    html = security.clean_html(f"<td>{'a' * 95} &lt;b&gt;</td>")
    assert html.count("<wbr>") == 3
    assert html.replace("<wbr>", "") == f"{'a' * 95} &lt;b&gt;"


def test_the_head_of_a_column_of_numbers_stands_over_the_numbers() -> None:
    table = pd.DataFrame({"who": ["a", "b"], "rows": [12, 7], "share": [0.5, 0.25]})
    html = security.clean_html(table.to_html())
    assert re.findall(r'<th scope="col" class="n">(\w+)</th>', html) == ["rows", "share"]
    assert '<th scope="col">who</th>' in html
    joined = '<table><thead><tr><th colspan="2">a</th></tr></thead><tr><td>1</td><td>2</td></tr></table>'
    assert '<th colspan="2" scope="col">a</th>' in security.clean_html(joined)


def test_a_cell_of_much_text_gets_some_width_and_a_date_is_not_broken() -> None:
    html = security.clean_html(f"<table><tr><td>{'words ' * 10}</td><td>few words</td><td>2026-04-09</td></tr></table>")
    assert re.findall(r"<td[^>]*>(?=\w)", html) == ['<td class="wide">', "<td>", '<td class="unbroken">']
