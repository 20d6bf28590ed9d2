"""Sanitising of HTML, SVG and pictures (text from data is hostile), and the content-security policies of pages."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import struct
from functools import cache
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    import nh3

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Content-security policy of a page with its files beside it: nothing but the site's own style, script and pictures."""

TAGS = frozenset(
    re.findall(
        r"\w+",
        """
    a abbr b blockquote br caption code dd del details div dl dt em h2 h3 h4 h5 h6 hr i kbd li ol p pre s small span
    strong sub summary sup table tbody td tfoot th thead tr ul wbr
        """,
    )
)
"""What prose and tables may be made of: no pictures, frames, forms, styles or scripts."""

_NOT_SHOWN = "script style template noscript iframe object svg math textarea title head select form button"
_ATTRIBUTES = {
    **{tag: {"colspan", "rowspan"} for tag in ("td", "th")},
    **{tag: {"class"} for tag in ("span", "pre", "div", "code", "details")},
    "a": {"href"},
    "ol": {"start"},
}
_SPAN = re.compile(r"^[1-9]\d{0,2}$")
_VALUES = {
    "colspan": _SPAN,
    "rowspan": _SPAN,
    "start": _SPAN,
    "class": re.compile(r"^[a-z0-9 -]{1,40}$"),
    "href": re.compile(r"^(?:https://[^\s]+|#[\w-]*|(?![a-zA-Z][\w+.-]*:)[^/\\\s#?][^\s\\]*)$"),
}
_NAMED_INDEX = re.compile(
    r"<tr>\s*<td></td>((?:\s*<th[^>]*>(?:[^<]|<wbr>)*</th>)+)\s*</tr>\s*<tr>\s*(<th[^>]*>[^<]*</th>)(?:\s*<td></td>)+\s*</tr>\s*</thead>"
)
"""A table's head in two rows, as pandas writes it when the index has a name; one row says the same."""
_CELL = re.compile(r"<t[hd][^>]*>")
_LONG = 40  # letters from which the text of a cell wants some width, so that it is not squeezed into a tower
_WORD = 30  # letters after which a word may break, so that a long one does not push its table apart
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


def single_file_policy(style: str, script: str = "") -> str:
    """Return the policy of a self-contained page: this one style sheet, pictures inside, this one script or none."""
    allowed = f"script-src '{_hash(script)}'; " if script else ""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; {allowed}base-uri 'none'; form-action 'none'"
    )


def visible(text: str) -> str:
    """Return `text` without broken characters, controls, and marks that turn the direction of what stands around."""
    return _CONTROL.sub("", text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n"))


def clean_html(html: str) -> str:
    """Return HTML with what is allowed and nothing else; tables get a box to scroll in, headers their scope.

    Parameters
    ----------
    html
        Anything: output of a cell, rendered prose.

    Returns
    -------
    str
        HTML without script, style, handlers, frames, forms, pictures, and links other than relative or https ones.
    """
    dressed = _Dressed()
    dressed.feed(_cleaner().clean(visible(html)))
    dressed.close()
    text = re.sub(r"<th[^>]*>\s*</th>", "<td></td>", "".join(dressed.parts))
    text = _NAMED_INDEX.sub(r"<tr>\2\1</tr></thead>", text)
    text = re.sub(r"<td>(\s*(?:[-+−]?[\d.,]+(?:e[-+]?\d+)?\s?%?|NaN)\s*)</td>", r'<td class="n">\1</td>', text)
    text = re.sub(r"<td>(\s*\d{4}-\d\d-\d\d\s*)</td>", r'<td class="unbroken">\1</td>', text)
    text = re.sub(rf"<td>((?:[^<]|<wbr>){{{_LONG},}})</td>", r'<td class="wide">\1</td>', text)
    return re.sub(r"<table.*?</table>", _over_its_column, text, flags=re.DOTALL)


def _over_its_column(table: re.Match[str]) -> str:
    """Put the head of a column of numbers to their end; a table whose cells span several is left as it is."""
    head, end, body = table[0].partition("</thead>")
    start, row, names = head.rpartition("<tr>")
    cells = _CELL.findall(body.partition("</tr>")[0])
    if not end or "span=" in table[0] or len(cells) != len(_CELL.findall(names)):
        return table[0]
    numeric = iter('class="n"' in cell for cell in cells)
    dressed = _CELL.sub(lambda cell: f'{cell[0][:-1]} class="n">' if next(numeric) else cell[0], names)
    return start + row + dressed + end + body


def clean_svg(svg: str) -> bytes | None:
    """Return an SVG without scripts, foreign content, handlers and outside addresses; None if it is not one.

    A picture in ``<img>`` runs nothing, but a reader may open its file by itself.
    """
    if re.search(r"<!ENTITY|<!ATTLIST", svg, re.IGNORECASE):
        return None
    try:
        root = ElementTree.fromstring(visible(svg).encode("utf-8"))
    except ElementTree.ParseError:
        return None
    if root.tag != f"{{{_SVG}}}svg":
        return None
    for parent in list(root.iter()):
        for child in list(parent):
            name = str(child.tag)
            unsafe = not name.startswith(f"{{{_SVG}}}") or name.rpartition("}")[2] in (
                "script", "foreignObject", "a", "set", "animate", "animateTransform", "handler", "iframe", "image",
            )  # fmt: skip
            if unsafe or (name.endswith("}style") and _reaches_out(child.text or "")):
                parent.remove(child)
        for name, value in list(parent.attrib.items()):
            bare = name.rpartition("}")[2].lower()
            if bare.startswith("on") or (bare == "href" and not value.startswith("#")) or _reaches_out(value):
                del parent.attrib[name]
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def clean_pixels(content: bytes, media: str) -> bytes | None:
    """Return a PNG or JPEG without the texts, times and cameras that it carries beside its pixels; None if broken."""
    kept, at = io.BytesIO(), 8 if media == "image/png" else 2
    kept.write(content[:at])
    try:
        if media == "image/png":
            while at < len(content):
                (length,) = struct.unpack(">I", content[at : at + 4])
                if content[at + 4 : at + 8] not in (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"):
                    kept.write(content[at : at + 12 + length])
                at += 12 + length
        else:
            while content[at : at + 2] != b"\xff\xda":  # what follows are the pixels
                (length,) = struct.unpack(">H", content[at + 2 : at + 4])
                if content[at + 1] not in (*range(0xE1, 0xE2), *range(0xE3, 0xEE), 0xEF, 0xFE):
                    kept.write(content[at : at + 2 + length])
                at += 2 + length
            kept.write(content[at:])
    except struct.error:
        return None
    return kept.getvalue()


def shorten_paths(html: str, root: str, everything: bool = False) -> str:
    """Return text in which a path of this machine is told from the project's or a library's folder on.

    Parameters
    ----------
    html
        Text, or HTML without absolute links.
    root
        The project's folder.
    everything
        Shorten other absolute paths too, as in tracebacks.
    """

    def told(match: re.Match[str]) -> str:
        path = match[0]
        if root and (path + "/").startswith(root.rstrip("/") + "/"):
            return path[len(root.rstrip("/")) + 1 :] or "."
        for marker, kept in (("/site-packages/", 1), ("/src/loopbook/", 1), ("/lib/python3", 5)):
            if marker in path:
                return path[path.index(marker) + kept :]
        if "/ipykernel_" in path:
            return "this cell"
        if path.startswith(("/home/", "/root/", "/Users/")):
            return "~/" + path.rpartition("/")[2]
        return "…/" + path.rstrip("/").rpartition("/")[2] if everything and path.count("/") > 2 else path

    return re.sub(r"(?<![\w.:/~…])(?:/[\w.+@~-]+)+/?", told, html)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _reaches_out(css: str) -> bool:
    return bool(re.search(r"@import|url\(\s*['\"]?(?!#)|expression|javascript:|\\", css, re.IGNORECASE))


@cache
def _cleaner() -> nh3.Cleaner:
    import nh3

    def harmless(tag: str, name: str, value: str) -> str | None:
        allowed = _VALUES.get(name)  # it is asked about what goes anyway, too
        return value if allowed and allowed.match(value) else None

    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(_NOT_SHOWN.split()),
        attributes=_ATTRIBUTES,
        attribute_filter=harmless,
        url_schemes={"https"},
        link_rel=None,
    )


class _Dressed(HTMLParser):
    """Give clean HTML what readers of tables and links need; escapes all again on its way out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "thead":
            self._head = True
        if tag == "table":
            self.parts.append('<div class="scroll" tabindex="0" role="group" aria-label="Table">')
        if tag == "th":
            values["scope"] = "col" if self._head else "row"
        if tag == "a" and (values.get("href") or "").startswith("https:"):
            values["rel"] = "noreferrer noopener external"
        written = "".join(f' {name}="{escape(value or "")}"' for name, value in values.items())
        self.parts.append(f"<{tag}{written}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "thead":
            self._head = False
        self.parts.append(f"</{tag}></div>" if tag == "table" else f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.parts += (
            "<wbr>".join(escape(word[at : at + _WORD], quote=False) for at in range(0, len(word), _WORD))
            for word in re.split(r"(\s+)", data)
        )
