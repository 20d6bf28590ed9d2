"""Feeds: the entries of RSS, Atom and RDF as feedparser reads them, with their HTML turned into text."""

import calendar
import hashlib
import html
import io
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loopbook.data.web import addresses, pages

_BLOCK = re.compile(r"<(?:/?(?:p|div|br|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|pre|hr|section|article)\b)", re.I)
_NAMED = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


class Unreadable(Exception):
    """No feed, or one that declares entities, by which a few bytes can become billions."""


@dataclass(frozen=True)
class Entry:
    """An entry of a feed: the empty text is what it does not say. Time in ISO 8601, language as ISO 639."""

    id: str
    title: str
    text: str
    time: str
    author: str
    site: str
    category: str
    address: str
    language: str


def read(body: bytes, headers: Mapping[str, str], feed: str) -> list[Entry]:
    """Return the entries of a feed.

    Parameters
    ----------
    body, headers
        As they came; nothing that the feed names is asked for.
    feed
        Its address.

    Raises
    ------
    Unreadable
        With the reason.
    """
    import feedparser

    _refuse_entities(body)
    known = {"content-type": headers.get("content-type", ""), "content-location": feed}
    parsed = feedparser.parse(io.BytesIO(body), response_headers=known)
    if not parsed.get("version") and not parsed.entries:
        raise Unreadable(f"no feed ({parsed.get('bozo_exception', 'neither RSS nor Atom')})"[:200])
    about = parsed.feed
    return [
        _entry(entry, str(about.get("title", "")), str(about.get("language", "")), feed) for entry in parsed.entries
    ]


def plain(markup: str) -> str:
    """Return HTML as text: no tag, script or style is left, and what was a paragraph ends with a space."""
    import nh3

    spaced = _BLOCK.sub(r" \g<0>", markup)
    return " ".join(html.unescape(nh3.clean(spaced, tags=set(), attributes={})).split())


def _refuse_entities(body: bytes) -> None:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        for _, element in iterparse(io.BytesIO(body), forbid_entities=True):
            element.clear()
    except DefusedXmlException as error:
        raise Unreadable(f"refused: it declares entities ({type(error).__name__})") from error
    except ParseError:
        return  # broken XML is what feedparser mends; it expands no entities of a document's own


def _entry(entry: Any, site: str, declared: str, feed: str) -> Entry:
    contents = [part.get("value", "") for part in entry.get("content", [])]
    text = plain(max([*contents, entry.get("summary", "")], key=len))
    title = plain(entry.get("title", ""))
    written = entry.get("link", "")
    link = (written and addresses.canonical(written, feed)) or ""
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    tags = [tag.get("term") or "" for tag in entry.get("tags", [])]
    return Entry(
        id=_identity(entry.get("id", ""), link, feed, f"{title}\n{text}"),
        title=title,
        text=text,
        time=_iso(moment) if moment else "",
        author=plain(entry.get("author", "")),
        site=plain(site),
        category=plain(next(iter(tags), "")),
        address=link,
        language=pages.language(declared, f"{title} {text}"),
    )


def _identity(guid: str, link: str, feed: str, content: str) -> str:
    """Return what identifies an entry: its guid (beside the feed, if it is no address), its address, or its content."""
    if guid:
        return addresses.canonical(guid) or (guid if _NAMED.match(guid) else f"{feed} {guid}")
    return link or hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]


def _iso(moment: time.struct_time) -> str:
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
