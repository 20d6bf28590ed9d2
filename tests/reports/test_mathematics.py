"""Formulas become MathML, whatever stands in them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.reports.mathematics import mathml


def words(markup: str) -> str:
    return "".join(ElementTree.fromstring(markup).itertext())


def test_formula_keeps_its_symbols_in_order() -> None:
    assert words(mathml(r"\hat y_i - y_i")) == "y^i−yi"


def test_limits_stand_above_and_below_the_sum_on_a_line_of_its_own() -> None:
    assert "munderover" in mathml(r"\sum_{i=1}^N x_i", display=True)
    assert 'display="block"' in mathml("x", display=True)


def test_aligned_lines_become_a_table_with_two_rows() -> None:
    markup = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)
    assert markup.count("<mtr>") == 2
    assert "&" not in words(markup)


def test_name_of_a_function_stands_off_from_its_argument() -> None:
    assert "mspace" in mathml(r"y \log p")


@pytest.mark.parametrize(
    "attack",
    [
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(https://example.org)}{x}",
        r"\class{unseen}{x}",
        r"\text{<script>alert(1)</script>}",
        '"><script>alert(1)</script>',
    ],
)
def test_formula_carries_no_link_style_or_markup(attack: str) -> None:
    root = ElementTree.fromstring(mathml(attack))
    for node in root.iter():
        assert node.tag.rpartition("}")[2] not in ("script", "img", "a")
        assert not {"href", "style", "onerror", "src"} & set(node.attrib)


def test_formula_that_cannot_be_read_is_shown_as_it_was_written() -> None:
    assert mathml(r"\frac{") == '<code class="formula">\\frac{</code>'


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_well_formed_markup(text: str) -> None:
    from loopbook.reports.security import visible

    ElementTree.fromstring(mathml(visible(text)))
