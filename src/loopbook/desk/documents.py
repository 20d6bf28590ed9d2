"""Document ingestion: a folder of Markdown, HTML and text files, cut into sections at their headings.

What stands in a file is hostile until it was read: scripts, comments and what a reader would not see are left out, and
so are sentences that speak to a machine instead of a reader (prompt injection). Whatever is left out is told.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loopbook.data import encodings
from loopbook.desk.turn import Passage
from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

LARGEST = 2_000_000
"""Bytes of a file; larger ones are no page of help."""

WORDS = 180
"""Of a passage at most; longer sections are cut at lines, because the sentence encoder reads 256 word pieces."""

MOST = 2_500
"""Sections of a folder; the index of as many takes about 400 MB."""

FORMS = (".md", ".markdown", ".html", ".htm", ".txt")
"""Endings of files that are read."""

_BETWEEN = " · "  # headings of one passage
_UNSEEN = (
    "script",
    "style",
    "noscript",
    "template",
    "head",
    "nav",
    "footer",
    "iframe",
    "object",
    "svg",
    "form",
    "select",
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity|width|height|max-height)\s*:\s*0(?![.\d]*[1-9])"
    r"|text-indent\s*:\s*-\d{3}|(?:left|top)\s*:\s*-\d{3}|clip(?:-path)?\s*:",
    re.IGNORECASE,
)
_BLOCKS = {"p", "li", "dt", "dd", "blockquote", "pre", "div", "section", "article", "main", "td", "figcaption", "body"}
_HEADING = re.compile(r"h[1-6]")
_ENDING = re.compile(r"(?<=[.!?。！？])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-Þ\u4e00-\u9fff])|(?<=[。！？])")
_FRONT = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*\r?\n(?=[\w-]+ *[:=])(.*?)^\1[ \t\r]*$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
_MARKS = re.compile(r"\[\^[\w-]+\]:?|[ \t]*\{#[\w-]+\}[ \t]*$", re.MULTILINE)
_SHORTENED = re.compile(r"(?:\b(?:e\.g|i\.e|Mr|Mrs|Ms|Dr|No|St|approx|incl|resp|vs)\.|\b[A-Z]\.|^\d+\.)$")
_TO_A_MACHINE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:rules?|instructions?|prompts?|guidelines?|guardrails?|"
    r"polic(?:y|ies)|above|previous|prior|everything)\b|\bsystem prompt\b|\byou are (?:now )?an? (?:\w+ )?(?:assistant|"
    r"chatbot|bot|ai|language model|agent)\b|\bas an ai\b|</?(?:system|instructions?|assistant)>|<\|\w+\|>|"
    r"\[/?inst\]|^\s*(?:system|assistant)\s*:",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Folder:
    """What a folder of documents says.

    Attributes
    ----------
    sections
        In the order of file names and of the text.
    left_out
        What was left out, and why, in sentences; told where the desk is built.
    """

    sections: tuple[Passage, ...]
    left_out: tuple[str, ...]


def read(folder: Path, progress: Callable[[str], object] | None = None) -> Folder:
    """Return the sections of all Markdown, HTML and text files (`FORMS`) below a folder, each text once.

    Raises
    ------
    DataError
        If the folder is not there, nothing in it can be read, or it holds more than `MOST` sections.
    """
    if not folder.is_dir():
        raise DataError(f"The documents of the support desk are looked for in {folder}, which is no folder.")
    found: list[Passage] = []
    left_out: list[str] = []
    known: set[str] = set()
    root = folder.resolve()
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    for path in files:
        name = path.relative_to(root).as_posix()
        if reason := _unfit(path, root):
            left_out.append(f"{name} {reason}.")
            continue
        sections, removed = sections_of(name, path.read_bytes())
        new = [section for section in sections if section.text not in known]
        known.update(section.text for section in new)
        found += new
        left_out += [] if sections else [f"{name} holds no text."]
        repeated = len(sections) - len(new)
        left_out += [f"{name} repeats what is said elsewhere: {repeated} of its {len(sections)} sections."] * bool(
            repeated
        )
        left_out += [f'{name} speaks to a machine, which is left out: "{text[:80]}".' for text in removed]
        if len(found) > MOST:
            raise DataError(f"{folder} holds more than {MOST:,} sections ({name} is one too many). Take a part of it.")
        if progress:
            progress(f"documents: {len(found):,} sections")
    if not found:
        told = " ".join(left_out[:3]) or f"It holds no files that end in {', '.join(FORMS)}."
        raise DataError(f"Nothing in {folder} can be read. {told}")
    return Folder(tuple(found), tuple(left_out))


def sections_of(name: str, content: bytes) -> tuple[list[Passage], list[str]]:
    """Return the sections of a file, whose name tells its form, and the sentences that were taken out of it."""
    suffix = Path(name).suffix.lower()
    if suffix == ".txt":
        sections = _plain(_decoded(content))
    else:
        sections = _sections(_tree(_rendered(_decoded(content)) if suffix in FORMS[:2] else content))
    found: list[Passage] = []
    removed: list[str] = []
    title, seen = "", dict[str, int]()
    for heading, lines in sections:
        title = title or heading
        kept = []
        for line in lines:
            aimed = [text for text in sentences(line) if _TO_A_MACHINE.search(text)]
            removed += aimed
            kept.append(" ".join(text for text in sentences(line) if text not in aimed))
        for piece in _pieces([line for line in kept if line]):
            place = " › ".join(dict.fromkeys(part for part in (title, heading) if part)) or "piece"
            seen[place] = seen.get(place, 0) + 1
            number = f" ({seen[place]})" if seen[place] > 1 or place == "piece" else ""
            found.append(Passage(name, f"{name} › {place}{number}", "\n".join(piece)))
    return found, removed


def merged(sections: Sequence[Passage]) -> tuple[list[Passage], NDArray[np.int64]]:
    """Put neighbouring sections of a document together, as long as they have at most `WORDS` words.

    Returns
    -------
    tuple
        Passages, whose addresses name all of their headings, and for each section the number of its passage.
    """
    groups: list[list[Passage]] = []
    words = 0
    for section in sections:
        length = len(section.text.split())
        if not groups or groups[-1][0].document != section.document or words + length > WORDS:
            groups.append([])
            words = 0
        groups[-1].append(section)
        words += length
    passages = [_together(group) if len(group) > 1 else group[0] for group in groups]
    return passages, np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def _together(sections: Sequence[Passage]) -> Passage:
    places = [section.address.split(" › ", 2)[1:] for section in sections]
    title = next((place[0] for place in places if len(place) > 1), places[0][0])
    document, names = sections[0].document, _BETWEEN.join(place[-1] for place in places)
    text = "\n".join(section.text for section in sections)
    return Passage(document, f"{document} › {title} › {names}", text)


def headings(passage: Passage) -> list[str]:
    """Return the headings that a passage's address names, without the numbers of pieces."""
    return [name.split(" (")[0] for name in passage.address.rpartition(" › ")[2].split(_BETWEEN)]


def sentences(text: str) -> list[str]:
    """Return the sentences of a passage or line; a line's end ends a sentence."""
    found: list[str] = []
    for line in text.splitlines():
        start = len(found)
        for part in filter(None, _ENDING.split(line.strip())):
            if len(found) > start and _SHORTENED.search(found[-1]):
                found[-1] += f" {part}"
            else:
                found.append(part)
    return found


def _unfit(path: Path, root: Path) -> str:
    if path.suffix.lower() not in FORMS:
        return f"is left out: it does not end in {', '.join(FORMS)}"
    if not path.resolve().is_relative_to(root):
        return "is left out: it is a link that leads out of the folder"
    if (size := path.stat().st_size) > LARGEST:
        return f"is left out: {size:,} bytes are more than {LARGEST:,}"
    sample = path.read_bytes()[:4_096].removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    odd = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\0" for byte in sample)
    return "is left out: it is no text" if odd > len(sample) // 20 else ""


def _decoded(content: bytes) -> str:
    encoding = encodings.likely(content)[0]
    return content.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")


def _rendered(text: str) -> str:
    """Return Markdown as HTML: of front matter the title, and no marks of footnotes and anchors."""
    from markdown_it import MarkdownIt

    if front := _FRONT.match(text):
        title = _TITLE.search(front[2])
        text = (f"# {title[1]}\n\n" if title else "") + text[front.end() :]
    return str(MarkdownIt("commonmark", {"maxNesting": 50}).enable("table").render(_MARKS.sub("", text)))


def _tree(content: bytes | str) -> "HtmlElement | None":
    from lxml import etree, html

    from loopbook.data.web import pages

    text = content if isinstance(content, str) else pages.decoded(content, {})
    try:
        tree: HtmlElement = html.document_fromstring(
            text.replace("\0", " ").encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8")
        )
    except (etree.LxmlError, ValueError):  # nothing but comments, or nothing at all
        return None
    title = tree.findtext(".//title")
    if title and tree.find(".//h1") is None and tree.find("body") is not None:
        tree.find("body").insert(0, html.builder.H1(title))
    for element in [*tree.iter()]:
        unseen = not isinstance(element.tag, str) or element.tag in _UNSEEN or _hidden(element)
        if unseen and element.getparent() is not None:
            element.drop_tree()
    return tree


def _hidden(element: "HtmlElement") -> bool:
    aria = element.get("aria-hidden", "").lower() == "true"
    return "hidden" in element.attrib or aria or bool(_HIDING.search(element.get("style", "")))


def _sections(tree: "HtmlElement | None") -> Iterator[tuple[str, list[str]]]:
    """Yield each heading with its lines: paragraphs, items, and rows of tables with the names of their columns."""
    heading, lines = "", list[str]()
    columns: list[str] = []
    text: list[str] = []
    row: list[str] = []

    def line() -> None:
        if found := _clean("".join(text)):
            lines.append(found)
        text.clear()

    from lxml import etree

    for event, element in etree.iterwalk(tree, events=("start", "end")) if tree is not None else ():
        tag = element.tag
        if event == "start":
            if tag in _BLOCKS or tag in ("tr", "table", "th", "br", "hr") or _HEADING.fullmatch(tag):
                line()
            columns = [] if tag == "table" else columns
            row = [] if tag == "tr" else row
            text.append(element.text or "")
            continue
        if _HEADING.fullmatch(tag):
            yield heading, lines
            heading, lines = _clean("".join(text)), []
            text.clear()
        elif tag in ("td", "th"):
            row.append(_clean("".join(text)))
            text.clear()
        elif tag == "tr" and row:
            if not columns and (len(element.findall("th")) == len(row)):
                columns = row
            else:
                lines.append(_row(columns, row))
        elif tag in _BLOCKS:
            line()
        text.append(element.tail or "")
    line()
    yield heading, lines


def _row(columns: list[str], row: list[str]) -> str:
    """Return a table's row as a line: its first cell, then the others with the names of their columns."""
    named = [columns[at] if at < len(columns) else "" for at in range(len(row))]
    said = [f"{name}: {cell}" if name else cell for name, cell in zip(named, row, strict=True) if cell]
    head, *others = [row[0], *said[1:]] if row[0] else ["", *said]
    return f"{head} – {'; '.join(others)}" if head and others else head or "; ".join(others)


def _plain(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the headings of a text file with their paragraphs; a short line without an end is a heading."""
    heading, lines = "", list[str]()
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        first, *others = [_clean(line) for line in block.strip("\n").split("\n")]
        if first and len(first) <= 80 and not re.search(r"[.!?:;,。！？：；，]$", first) and not first.startswith("-"):
            yield heading, lines
            heading, lines, first = first, [], ""
        lines += [paragraph] if (paragraph := _clean(" ".join([first, *others]))) else []
    yield heading, lines


def _clean(text: str) -> str:
    """Return a text on one line, without characters that nobody sees and that could hide a message."""
    shown = (
        each for each in unicodedata.normalize("NFC", text) if unicodedata.category(each) not in ("Cf", "Co", "Cs")
    )
    plain = "".join(" " if unicodedata.category(each) == "Cc" else each for each in shown)
    return " ".join(plain.split())


def _pieces(lines: list[str]) -> Iterator[list[str]]:
    """Yield lines together as long as they have at most `WORDS` words; one longer line is cut at its words."""
    piece: list[str] = []
    count = 0
    for line in lines:
        words = line.split()
        for start in range(0, len(words), WORDS):
            part = words[start : start + WORDS]
            if piece and count + len(part) > WORDS:
                yield piece
                piece, count = [], 0
            piece.append(" ".join(part))
            count += len(part)
    if piece:
        yield piece
