"""LaTeX to MathML when the page is built: mathematics without script."""

import re
from html import escape
from xml.etree import ElementTree

_TAGS = frozenset(
    re.findall(
        r"\w+",
        """
    math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts
    mtable mtr mtd mstyle mpadded mphantom menclose merror semantics
        """,
    )
)
_ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        """
    display mathvariant stretchy fence form separator accent accentunder width height depth lspace rspace linethickness
    displaystyle scriptlevel columnalign rowspacing columnspacing minsize maxsize largeop movablelimits symmetric
        """,
    )
)
_THIN = '<mspace width="0.167em"></mspace>'
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def mathml(latex: str, display: bool = False) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    latex
        The formula without its delimiters.
    display
        Whether it stands on a line of its own.

    Returns
    -------
    str
        MathML that holds elements and attributes of presentation only; the source in ``<code>`` if the formula cannot
        be read, so that nothing is lost.
    """
    from latex2mathml.converter import convert

    source = re.sub(r"(\\(?:begin|end)\{)(?:aligned|align|eqnarray)\*?\}", r"\1align*}", latex.strip())
    source = (
        re.sub(r"(\\(?:begin|end)\{)(?:equation|displaymath|math)\*?\}", "", source) if "equation" in source else source
    )
    try:
        written = _write(ElementTree.fromstring(convert(source, display="block" if display else "inline")))
    except (
        Exception
    ):  # latex2mathml raises many kinds, IndexError and RecursionError among them; none may cost the page
        return f'<code class="formula">{escape(latex)}</code>'
    label = escape(" ".join(latex.split()))
    # A formula that is wider than the page scrolls, also by keyboard.
    focus = ' tabindex="0"' if display else ""
    return written.replace("<math", f'<math xmlns="{_NAMESPACE[1:-1]}" aria-label="{label}"{focus}', 1)


def _write(node: ElementTree.Element) -> str:
    tag = node.tag.removeprefix(_NAMESPACE)
    if tag not in _TAGS:
        raise ValueError(f"{tag} is no element of presentation")
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in node.attrib.items() if name in _ATTRIBUTES)
    children = list(node)
    inside = escape(node.text or "", quote=False)
    for at, child in enumerate(children):
        written = _write(child)
        if _named_function(child) and tag == "mrow":
            following = children[at + 1].text if at + 1 < len(children) else ")"
            written = (_THIN if at else "") + written + ("" if following in ("(", ")") else _THIN)
        inside += written
    return f"<{tag}{attributes}>{inside}</{tag}>"


def _named_function(node: ElementTree.Element) -> bool:
    """Say whether an element is a function's name such as log, which stands off from what is beside it."""
    return node.tag == f"{_NAMESPACE}mi" and len(node.text or "") > 1 and (node.text or "").isalpha()
