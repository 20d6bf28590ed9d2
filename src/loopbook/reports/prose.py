"""Markdown to HTML, by nbconvert's reader, with mathematics as MathML and numbered headings: a notebook's prose."""

import re
from typing import Any

from loopbook.reports.mathematics import mathml
from loopbook.reports.security import clean_html, visible

_OPEN, _CLOSE = "\ue000", "\ue001"  # private characters mark where a formula goes, so that cleaning does not touch it


def html(markdown: str, headings: list[tuple[str, str]] | None = None, prefix: str = "") -> str:
    """Return Markdown as clean HTML.

    Parameters
    ----------
    markdown
        Prose with ``$…$`` and ``$$…$$``.
    headings
        Collects id and text of headings of the second level; None: they get no id.
    prefix
        Beginning of the ids.

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

        def addressed(match: re.Match[str]) -> str:
            bare = re.sub(f"<[^>]*>|{_OPEN}\\d+{_CLOSE}", "", match[1]).strip()
            headings.append((f"{prefix}-{len(headings) + 1}", bare))
            return f'<h2 id="{headings[-1][0]}">{match[1]}</h2>'

        text = re.sub(r"<h2>(.*?)</h2>", addressed, text, flags=re.DOTALL)
    return re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda match: formulas[int(match[1])], text)
