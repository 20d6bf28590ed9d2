"""Markdown to HTML, by nbconvert's reader, with mathematics as MathML and numbered headings: a notebook's prose.

Behind the first paragraph of a section the rest is folded on a phone, if it is long; wide windows and paper show it.
"""

import re
from typing import Any

from loopbook.reports.mathematics import mathml
from loopbook.reports.security import clean_html, visible

_OPEN, _CLOSE = "\ue000", "\ue001"  # private characters mark where a formula goes, so that cleaning does not touch it
_FIRST = re.compile(r"(\s*(?:<h(\d)[^>]*>.*?</h\2>\s*)?<p>.*?</p>)(.*)", re.DOTALL)
_OPENING = re.compile(r"<(?!br\b|hr\b|wbr\b)[a-z]")
_LONGEST = 160  # letters behind a section's first paragraph, about four lines of a phone


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
        text = "".join(map(_folded, re.split(r"(?=<h[2-6])", text)))
    return re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda match: formulas[int(match[1])], text)


def _folded(section: str) -> str:
    """Return a section with what follows its first paragraph under a line that unfolds it.

    One that is short, does not begin with a paragraph, or was cut within an element, such as a quotation that holds a
    heading, is left as it is.
    """
    found = _FIRST.fullmatch(section)
    if found is None or len(re.sub("<[^>]*>", "", found[3]).strip()) <= _LONGEST:
        return section
    if any(len(_OPENING.findall(part)) != part.count("</") for part in (found[1], found[3])):
        return section
    return f'{found[1]}<details class="long"><summary>More</summary>{found[3]}</details>'
