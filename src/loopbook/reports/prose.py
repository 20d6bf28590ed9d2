"""Markdown to HTML, by nbconvert's reader, with mathematics as MathML and numbered headings: a notebook's prose."""

import re
from dataclasses import dataclass, field
from typing import Any

from loopbook.reports.mathematics import mathml
from loopbook.reports.security import clean_html, visible

_OPEN, _CLOSE = "\ue000", "\ue001"  # private characters mark where a formula goes, so that cleaning does not touch it


@dataclass
class Headings:
    """The headings of one page, in order; each gets an address of its own."""

    prefix: str
    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, text: str) -> str:
        """Return the id of the next heading."""
        name = f"{self.prefix}-{len(self.found) + 1}"
        self.found.append((name, text))
        return name


def html(markdown: str, headings: Headings | None = None) -> str:
    """Return Markdown as clean HTML.

    Parameters
    ----------
    markdown
        Prose with ``$…$`` and ``$$…$$``.
    headings
        Collects headings of the second level and gives them ids; None: they get none.

    Returns
    -------
    str
        Clean HTML whose highest heading is ``<h2>``.
    """
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    formulas: list[str] = []

    def keep(latex: str, display: bool) -> str:
        formulas.append(mathml(latex, display))
        return f"{_OPEN}{len(formulas) - 1}{_CLOSE}"

    class Renderer(IPythonRenderer):  # type: ignore[misc]
        def block_math(self, body: str) -> str:
            return keep(body, display=True)

        def inline_math(self, body: str) -> str:
            if body != body.strip():  # "costs $5 or $6" is money
                return str(self.escape_html(f"${body}$"))
            return keep(body, display=False)

        def latex_environment(self, name: str, body: str) -> str:
            return keep(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)

        def heading(self, text: str, level: int, **attrs: Any) -> str:
            return f"<h{max(level, 2)}>{text}</h{max(level, 2)}>\n"

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return str(self.escape_html(text or ""))

    source = re.sub(f"[{_OPEN}{_CLOSE}]", "", visible(markdown))
    text = clean_html(MarkdownWithMath(renderer=Renderer(escape=False)).render(source))
    if headings is not None:
        text = re.sub(r"<h2>(.*?)</h2>", lambda match: _addressed(match[1], headings), text, flags=re.DOTALL)
    return re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda match: formulas[int(match[1])], text)


def _addressed(inside: str, headings: Headings) -> str:
    bare = re.sub(f"<[^>]*>|{_OPEN}\\d+{_CLOSE}", "", inside).strip()
    return f'<h2 id="{headings.add(bare)}">{inside}</h2>'
