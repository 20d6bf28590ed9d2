"""Sitemaps: the addresses that a site lists, and the further sitemaps that an index names (sitemaps.org)."""

import io
import zlib
from dataclasses import dataclass

LARGEST = 50 << 20
"""Bytes of a sitemap, decompressed: what the protocol allows."""

_MOST = 50_000  # addresses, by the protocol


class Unreadable(Exception):
    """Not a sitemap, or one that unpacks to more than the protocol allows."""


@dataclass(frozen=True)
class Sitemap:
    """Addresses as written: of pages, and of further sitemaps."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def read(content: bytes) -> Sitemap:
    """Return what a sitemap or an index lists; gzip is unpacked, entities are refused.

    Raises
    ------
    Unreadable
        With the reason.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    found: dict[str, list[str]] = {"url": [], "sitemap": []}
    inside = ""
    try:
        for event, element in iterparse(io.BytesIO(_unpacked(content)), events=("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start":
                inside = name if name in found else inside
                continue
            if name == "loc" and inside and element.text:
                found[inside].append(element.text.strip())
            if name in found:
                inside = ""
                element.clear()
            if sum(map(len, found.values())) >= _MOST:
                break
    except ParseError as error:
        raise Unreadable(f"no XML ({error})") from error
    except DefusedXmlException as error:
        raise Unreadable(f"refused: {type(error).__name__}") from error
    return Sitemap(tuple(found["url"]), tuple(found["sitemap"]))


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(wbits=31)
    try:
        whole = unpacker.decompress(content, LARGEST)
    except zlib.error as error:
        raise Unreadable(f"no gzip ({error})") from error
    if unpacker.unconsumed_tail:
        raise Unreadable(f"unpacks to more than {LARGEST:,} bytes")
    return whole
