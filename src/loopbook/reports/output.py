"""Cell outputs to clean HTML and pictures: what a code cell printed, showed or raised."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Literal

from loopbook.reports import prose
from loopbook.reports.mathematics import mathml
from loopbook.reports.notebook_tables import readable
from loopbook.reports.security import clean_html, clean_pixels, clean_svg, shorten_paths, visible

LONGEST_TEXT = 20_000
LONGEST_HTML = 400_000


@dataclass(frozen=True)
class Picture:
    """A figure: the name of its file, its content, and what it says in words."""

    name: str
    content: bytes
    media: str
    alt: str

    @property
    def inline(self) -> str:
        """The picture as an address that holds it."""
        return f"data:{self.media};base64,{base64.b64encode(self.content).decode('ascii')}"


@dataclass(frozen=True)
class Output:
    """One output: clean HTML, or a picture.

    Attributes
    ----------
    kind
        ``html``, ``text``, ``messages`` (what went to standard error), ``error``, ``picture`` or ``note``.
    """

    kind: Literal["html", "text", "messages", "error", "picture", "note"]
    html: str = ""
    picture: Picture | None = None


def outputs(cell: Mapping[str, Any], name: str, root: str) -> tuple[Output, ...]:
    """Return the outputs of a code cell.

    Parameters
    ----------
    cell
        A cell as nbformat reads it.
    name
        Beginning of the names of the cell's pictures.
    root
        The project's folder, which is left out of paths.
    """
    shown: list[Output] = []
    for number, output in enumerate(_joined(cell.get("outputs", ())), start=1):
        kind = output.get("output_type")
        if kind == "stream":
            aside = output.get("name") == "stderr"
            shown.append(Output("messages" if aside else "text", preformatted(output["text"], root)))
        elif kind == "error":
            lines = _text("\n".join(map(str, output.get("traceback") or ())))
            said = lines or f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
            shown.append(Output("error", preformatted(said, root, everything=True)))
        elif found := _displayed(output, f"{name}-{number}", root):
            shown.append(found)
    return tuple(shown)


def preformatted(text: str, root: str, everything: bool = False) -> str:
    """Return text as it looks in a terminal: colours by class, overwritten lines gone, the middle of long ones cut."""
    from nbconvert.filters.ansi import ansi2html

    last = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    escapes = re.sub("\x1b(?!\\[)|\x1b\\[[\\d;?]*[^\\d;?m]", "", last)
    # Control characters go now, but not the escape that begins a colour.
    html = str(ansi2html("\x1b[".join(visible(part) for part in shortened(escapes).split("\x1b["))))
    html = re.sub(r'(<span(?: class="[\w -]*")?) style="[^"]*"', r"\1", html)
    return visible(shorten_paths(html, root, everything)).rstrip()


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text`, or its beginning and its end with a word on what is left out between."""
    if len(text) <= longest:
        return text
    left = len(text) - longest
    return f"{text[: longest // 2]}\n… {left:,} characters are left out here …\n{text[-(longest - longest // 2) :]}"


def _displayed(output: Mapping[str, Any], name: str, root: str) -> Output | None:
    data = output.get("data", {})
    for media, ending in (("image/svg+xml", "svg"), ("image/png", "png"), ("image/jpeg", "jpg")):
        if media in data:
            alt = _alt(output.get("metadata", {}), media, str(data.get("text/plain", "")))
            content = clean_svg(_text(data[media])) if ending == "svg" else _decoded(_text(data[media]), media)
            if content is None:
                return Output("note", "A picture could not be read and is not shown.")
            return Output("picture", picture=Picture(f"{name}.{ending}", content, media, alt))
    if "text/html" in data:
        html = _text(data["text/html"])
        if len(html) > LONGEST_HTML:
            return Output("note", f"A table of {len(html):,} characters is too large for a page and is not shown.")
        clean = readable(shorten_paths(clean_html(html), root))
        if not re.sub(r"<[^>]*>|\s", "", clean):
            return Output("note", "An empty table.")
        return Output(
            "html", re.sub(r"(<tbody>\s*</tbody>\s*</table></div>)", r"\1<p><small>No rows.</small></p>", clean)
        )
    if "text/markdown" in data:
        return Output("html", prose.html(shortened(_text(data["text/markdown"]))))
    if "text/latex" in data:
        return Output("html", f"<p>{mathml(_text(data['text/latex']).strip().strip('$'), display=True)}</p>")
    written = re.fullmatch(r"(?:Posix|Windows)Path\('(.*)'\)", _text(data.get("text/plain", "")))
    if written:  # what stage.write returns: of use by hand, on a page the name says enough
        name = re.split(r"[/\\]", written[1])[-1]
        return Output("note", f"Saved as <code>{escape(visible(name))}</code>.")
    if "text/plain" in data:
        return Output("text", preformatted(_text(data["text/plain"]), root))
    kinds = ", ".join(sorted(map(str, data)))
    return Output("note", f"An output of kind {escape(kinds)} is not shown.") if kinds else None


def _alt(metadata: Mapping[str, Any], media: str, plain: str) -> str:
    own = metadata.get(media)
    alt = (own.get("alt") if isinstance(own, Mapping) else None) or metadata.get("alt")
    said = "" if plain.startswith("<") else plain
    return visible(str(alt or said or "A figure without a description."))[:2_000]


def _decoded(text: str, media: str) -> bytes | None:
    try:
        return clean_pixels(base64.b64decode(text), media)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _joined(items: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return outputs, with the pieces of one stream that follow each other as one."""
    for (kind, _), group in groupby(items, key=lambda item: (item.get("output_type"), item.get("name"))):
        pieces = list(group)
        if kind == "stream":
            pieces = [{**pieces[0], "text": "".join(_text(piece.get("text", "")) for piece in pieces)}]
        yield from pieces
