"""Pages: their links, and by trafilatura their text, title, date, author and language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopbook.data import encodings
from loopbook.data.web import addresses

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LINKS = 2_000  # addresses that one page may lead to
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?=$|[-_])")
_TELLING = 20  # letters from which on a page has a text, and a text tells its language


@dataclass(frozen=True)
class Page:
    """What a page says: the empty text is what it does not say. Time in ISO 8601, language as ISO 639."""

    title: str
    text: str
    time: str
    author: str
    language: str
    canonical: str


def decoded(body: bytes, headers: Mapping[str, str]) -> str:
    """Return the text of a page or feed: by byte-order mark, header, what it declares, or what its bytes speak for."""
    from w3lib.encoding import html_to_unicode

    return str(
        html_to_unicode(headers.get("content-type"), body, auto_detect_fun=lambda raw: encodings.likely(raw)[0])[1]
    )


def links(body: bytes, headers: Mapping[str, str], address: str) -> list[str]:
    """Return the addresses that a page leads to, each once; none of a page that does not want it (nofollow)."""
    tree = _tree(body, headers)
    if tree is None or "nofollow" in _wishes(tree, headers):
        return []
    base = addresses.canonical(next(iter(tree.xpath("//base/@href")), ""), address) or address
    found: dict[str, None] = {}
    for link in tree.iter("a", "area"):
        if (to := link.get("href")) and "nofollow" not in link.get("rel", "").lower():
            target = addresses.canonical(to, base)
            if target and target != address:
                found[target] = None
        if len(found) >= _LINKS:
            break
    return list(found)


def read(body: bytes, headers: Mapping[str, str], address: str) -> Page | tuple[str, str]:
    """Return what a page says; or reason and detail, if it does not want to be kept, or says nothing."""
    from trafilatura import bare_extraction

    tree = _tree(body, headers)
    if tree is None:
        return "no-text", "no HTML"
    if "noindex" in _wishes(tree, headers):
        return "noindex", "the page asks that it is not kept"
    declared = next(iter(tree.xpath("/html/@lang | /html/@xml:lang")), "") or headers.get("content-language", "")
    canonical = next(iter(tree.xpath("//link[contains(concat(' ', @rel, ' '), ' canonical ')]/@href")), "")
    dates = {"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%dT%H:%M:%S%z", "url": address}
    try:
        found = bare_extraction(
            tree, url=address, with_metadata=True, include_comments=False, date_extraction_params=dates
        )
    except (ValueError, TypeError, AttributeError, RecursionError, LookupError) as error:
        return "unreadable", f"trafilatura cannot read it ({type(error).__name__})"
    if found is None or isinstance(found, dict) or sum(map(str.isalpha, found.text or "")) < _TELLING:
        return "no-text", f"fewer than {_TELLING} letters beside menus"
    own = addresses.canonical(canonical, address) if canonical else None
    same = own is not None and addresses.host(own) == addresses.host(address)
    return Page(
        title=found.title or "",
        text=found.text,
        time=found.date or "",
        author=found.author or "",
        language=language(declared, found.text),
        canonical=own if same and own else address,
    )


def language(declared: str, text: str) -> str:
    """Return the language that is declared, or else the one of the text, by py3langid; empty if it is too short."""
    if said := _LANGUAGE.match(declared.strip()):
        return said.group().lower()
    if len(text) < _TELLING:
        return ""
    import py3langid

    return str(py3langid.classify(text)[0])


def _tree(body: bytes, headers: Mapping[str, str]) -> HtmlElement | None:
    from lxml import etree, html

    content = decoded(body, headers).encode("utf-8", "replace")
    try:
        tree: HtmlElement = html.document_fromstring(content, parser=html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError):
        return None
    return tree


def _wishes(tree: HtmlElement, headers: Mapping[str, str]) -> set[str]:
    """Return what page and server ask of robots: noindex, nofollow; ``none`` is both."""
    named = tree.xpath("//meta[@name and @content]")
    said: Iterable[str] = [meta.get("content") for meta in named if meta.get("name").lower() in ("robots", "loopbook")]
    words = re.split(r"[\s,;:]+", " ".join([*said, headers.get("x-robots-tag", "")]).lower())
    return {"noindex", "nofollow"} if "none" in words else {*words}
