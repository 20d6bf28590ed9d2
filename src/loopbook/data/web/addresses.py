"""URL normalisation: one form for an address, which of them a crawl may visit, and the pattern that a trap repeats."""

import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}
_LONGEST = 2_000  # characters; longer ones are a trap, or data
_TRACKING = re.compile(r"(?:^|(?<=&))(?:utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|phpsessid|jsessionid|sid)=[^&]*&?", re.I)
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)
_VARIES = re.compile(r"\d+|[0-9a-f]{8,}", re.I)
_OTHER_MEDIA = ("image/", "audio/", "video/", "font/", "application/pdf", "application/zip", "application/x-tar")


def canonical(written: str, base: str = "") -> str | None:
    """Return an address in one form, as w3lib has it (dots in paths, letters, order of the query), or None.

    Default port, fragment, session numbers and what advertisers count by are left out.

    Parameters
    ----------
    written
        As a page, a feed or a scenario says it.
    base
        The address of the page that says it, if it may be relative.

    Returns
    -------
    str or None
        None for what is no address of a page: another scheme than http and https, no host, a user's name or a
        password in it, more than 2,000 characters, what no server could be asked for.
    """
    from w3lib.url import canonicalize_url

    try:
        parts = urlsplit(urljoin(base, written.strip()))
        port, host = parts.port, parts.hostname
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or len(written) > _LONGEST:
        return None
    name = f"[{host}]" if ":" in host else host.rstrip(".")
    netloc = name if port in (None, _PORTS[parts.scheme]) else f"{name}:{port}"
    query = _TRACKING.sub("", parts.query).removesuffix("&")
    cleaned = SplitResult(parts.scheme, netloc, _SESSION.sub("", parts.path) or "/", query, "")
    try:
        found = str(canonicalize_url(urlunsplit(cleaned)))
    except (ValueError, UnicodeError):
        return None
    return found if found.isascii() and found.isprintable() and " " not in found else None


def host(address: str) -> str:
    """Return the host of an address, with its port unless that is the usual one."""
    return urlsplit(address).netloc


def pattern(address: str) -> str:
    """Return what an address has in common with its likes: numbers and long codes stand as ``#``, a query by its keys.

    Pages of an endless calendar have one pattern, and so have articles that are numbered.
    """
    parts = urlsplit(address)
    keys = "&".join(sorted({part.partition("=")[0] for part in parts.query.split("&")}))
    return f"{parts.netloc}{_VARIES.sub('#', parts.path)}?{_VARIES.sub('#', keys)}"


def is_page(address: str) -> bool:
    """Say whether an address may lead to a page, by its ending: pictures, sound, films and archives do not."""
    kind = mimetypes.guess_type(urlsplit(address).path)[0] or ""
    return not kind.startswith(_OTHER_MEDIA)


@dataclass(frozen=True)
class Scope:
    """Which addresses a crawl may visit.

    Attributes
    ----------
    hosts
        Those of the start pages; None: any.
    paths
        Beginnings of paths, ``*`` for anything; none: all paths.
    skipped
        Beginnings of paths that are left out.
    """

    hosts: frozenset[str] | None = None
    paths: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def same_site(self, address: str) -> bool:
        """Say whether an address is on one of the hosts."""
        return self.hosts is None or host(address) in self.hosts

    def holds(self, address: str) -> bool:
        """Say whether an address is within what may be visited."""
        parts = urlsplit(address)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asked = not self.paths or _begins(path, self.paths)
        return self.same_site(address) and asked and not _begins(path, self.skipped)


def _begins(path: str, beginnings: Iterable[str]) -> bool:
    return any(re.match(".*".join(map(re.escape, beginning.split("*"))), path) for beginning in beginnings)
