"""Search for leaks: personal data and traces of the machine in every text of the files that leave with a report."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from loopbook.privacy import personal_data
from loopbook.reports.traces import Traces
from loopbook.store.records import Run

PIXELS = (".png", ".jpg")
"""Endings of pictures that hold no text that could be searched."""

_INLINE = frozenset(
    re.findall(
        r"\w+",
        """
    a abbr b bdi code em i kbd mark mi mn mo mtext s small span strong sub sup tspan u var wbr
        """,
    )
)
"""Tags that do not part two words: what stands on both their sides is read as one."""
_OWN = re.compile(r"(?<![\w-])(?:\d{8}-\d{6}(?:-\d+)?|[0-9a-f]{10,64})(?![\w-])")
_GEOMETRY = frozenset(
    ("d", "points", "viewBox", "viewbox", "transform", "x", "y", "dx", "dy", "x1", "x2", "y1", "y2", "cx", "cy", "r")
)
_COORDINATES = re.compile(r"[\s\d.,()+a-zA-Z%-]*")
_DATA = re.compile(r"data:(image/[\w+.-]+);base64,(.*)", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """A text that leaves: the file, and where in it; a place is named by ids and tags, never by words of the data."""

    page: str
    place: str
    text: str


@dataclass(frozen=True, order=True)
class Leak:
    """Something that must not leave; what it says is not kept."""

    page: str
    place: str
    kind: str

    def __str__(self) -> str:
        return f"{self.page}, {self.place}: {self.kind}"


def texts(name: str, content: bytes) -> Iterator[Text]:
    """Return every text of a file, its own name included; of pixels there is none."""
    yield Text(name, "name of the file", name)
    if name.endswith(PIXELS):
        return
    said = content.decode("utf-8", "replace")
    if name.endswith(".html"):
        page = _Page(name)
        page.feed(said)
        page.close()
        yield from page.found
    elif name.endswith(".svg"):
        yield from _svg(name, "", content)
    elif name.endswith(".json"):
        yield from _json(name, "", json.loads(said))
    else:
        yield Text(name, "text", said)


def leaks(found: Iterable[Text], run: Run, traces: Traces, allowed: Iterable[str] = ()) -> list[Leak]:
    """Return what must not leave: personal data as `privacy.personal_data` knows it, and traces of this machine.

    Parameters
    ----------
    run
        Its own names, keys and digests are no phone numbers.
    allowed
        Texts that may leave although they are found, such as a public address.
    """
    own, free, data = _identifiers(run), frozenset(allowed), run.resolved.get("data", {})
    further = (data.get("phone_regions", ()), data.get("identity_numbers", ()))
    leaked = set()
    for item in found:
        text = _OWN.sub(lambda match: "…" if "-" in match[0] or match[0][:10] in own else match[0], item.text)
        spans = [(span.start, span.end, str(span.kind)) for span in personal_data.find(text, *further)]
        leaked |= {
            Leak(personal_data.mask(item.page), personal_data.mask(item.place), kind)
            for start, end, kind in (*spans, *traces.find(text))
            if text[start:end] not in free
        }
    # The record names the field, and the front page the title.
    return sorted(leaked, key=lambda leak: (leak.page != "run.json", leak.page != "index.html", leak))


def _identifiers(run: Run) -> frozenset[str]:
    """Return beginnings of what is a name of something of this run's own."""
    whole = [run.revision or "", run.origin.uncommitted or ""]
    for record in run.stages.values():
        whole += [record.key, *record.digests.values(), *record.inputs.values()]
    return frozenset(name[:10] for name in whole if len(name) >= 10)


def _json(page: str, at: str, value: Any) -> Iterator[Text]:
    """Return the texts and whole numbers of plain values; a number with a point is a measurement."""
    if isinstance(value, dict):
        for key, item in value.items():
            named = f"{at}.{key}" if at else str(key)
            yield Text(page, f"name below {at or 'the top'}", str(key))
            yield from _json(page, named, item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _json(page, f"{at}[{number}]", item)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield Text(page, at, str(value))


def _svg(page: str, at: str, content: bytes) -> Iterator[Text]:
    """Return the texts of a drawing; a text element is read as one, however many pieces it was drawn in."""
    for element in ElementTree.fromstring(content).iter():
        tag = str(element.tag).rpartition("}")[2]
        place = f"{at}element {tag}"
        if tag != "tspan":
            yield Text(page, place, "".join(element.itertext()) if tag == "text" else element.text or "")
        yield Text(page, place, element.tail or "")
        yield from (
            Text(page, f"{at}attribute {name.rpartition('}')[2]} of {tag}", value)
            for name, value in element.attrib.items()
            if not _drawn(name, value)
        )


class _Page(HTMLParser):
    """Gather the texts and attributes of a page."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Text] = []
        self._name, self._id, self._parts, self._tag = name, "", list[str](), "page"

    @property
    def _place(self) -> str:
        return f"after #{self._id}" if self._id else "top of the page"

    def close(self) -> None:
        super().close()
        self._end()

    def _end(self) -> None:
        """End a text: what follows is not read together with it."""
        text = "".join(self._parts)
        if text.strip():
            self.found.append(Text(self._name, f"{self._place}, text in {self._tag}", text))
        self._parts = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self._end()
            self._tag = tag
        self._id = dict(attrs).get("id") or self._id
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _INLINE:
            self._end()

    def handle_data(self, data: str) -> None:
        self._parts.append(data)

    def handle_comment(self, data: str) -> None:
        self.found.append(Text(self._name, f"{self._place}, comment", data))

    def _attribute(self, tag: str, name: str, value: str) -> None:
        place = f"{self._place}, attribute {name} of {tag}"
        inside = _DATA.fullmatch(value)
        if inside is None:
            if not _drawn(name, value):
                self.found += [Text(self._name, place, text) for text in dict.fromkeys((value, unquote(value)))]
        elif inside[1] == "image/svg+xml":
            self.found += _svg(self._name, f"{self._place}, picture, ", base64.b64decode(inside[2]))


def _drawn(name: str, value: str) -> bool:
    """Say whether an attribute says where a line runs, in numbers that are nobody's."""
    return name in _GEOMETRY and _COORDINATES.fullmatch(value) is not None
