"""A web site on this machine with what crawlers meet: 500 pages, and every way in which a site can be difficult."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARTICLES, LISTED, PRINTED, LISTS = 420, 40, 20, 19
"""Articles; of them those that only the sitemap lists; those with a page to print; pages of links to the others."""
BIG = 50_000_000
LATIN = "Die Straße führt über die Brücke zum Café, und das Geländer ist größer als früher, sagt der Müller aus Köln."
SECTIONS = ("sport", "money")

ROBOTS = """\
User-agent: *
Disallow: /

User-agent: Loopbook
Crawl-delay: 0.001
Disallow: /private/
Disallow: /*?secret=

Sitemap: /sitemap-index.xml
"""


def text(number: int) -> str:
    """Return the text of an article, which no other article is near to."""
    words = [f"w{(number * 7919 + place * 104729) % 99991:05d}" for place in range(60)]
    return f"Article {number} tells of the following. " + " ".join(words) + "."


def article(number: int, more: str = "") -> str:
    return (
        f'<html lang="en"><head><title>Article {number}</title>{more}'
        f'<meta property="article:published_time" content="2026-03-{number % 28 + 1:02d}T10:00:00+01:00">'
        f'<meta name="author" content="Jane Doe {number % 5}"></head>'
        f"<body><nav><a href='/'>Home</a></nav><article><h1>Article {number}</h1><p>{text(number)}</p></article>"
        f'<a href="/news/{number % ARTICLES + 1}">next</a></body></html>'
    )


def links(*to: str) -> str:
    return "<html><body><nav>" + "".join(f'<a href="{one}">x</a>' for one in to) + "</nav></body></html>"


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stream: bool = False


class Site:
    """The site: what was asked for, in order, and what it answers; ``before`` and ``after`` hear of each request."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.answered: list[str] = []
        self.unchanged = 0
        self.sent = 0
        self.at_once = 0
        self.most_at_once = 0
        self.address = ""
        self.extra: dict[str, Answer] = {}
        self.before: Callable[[int], None] = lambda count: None
        self.after: Callable[[int], None] = lambda count: None
        self._lock = threading.Lock()

    def answer(self, path: str) -> Answer:
        """Return what the site answers to a path with its query."""
        if path in self.extra:
            return self.extra[path]
        if (found := re.fullmatch(r"/news/(\d+)", path)) and 1 <= int(found[1]) <= ARTICLES:
            return Answer(article(int(found[1])).encode(), headers={"ETag": f'"{found[1]}"'})
        if found := re.fullmatch(r"/print/(\d+)", path):
            return Answer(article(int(found[1]), f'<link rel="canonical" href="/news/{found[1]}">').encode())
        if found := re.fullmatch(r"/list/(\d+)", path):
            first = (int(found[1]) - 1) * 20 + 1
            return Answer(
                links(*(f"../news/./{number}?utm_source=list#top" for number in range(first, first + 20))).encode()
            )
        if found := re.fullmatch(r"/calendar/(\d+)/(\d+)", path):
            year, month = int(found[1]), int(found[2])
            near = [f"/calendar/{year + step}/{other}" for step in (0, 1) for other in range(1, 13)]
            return Answer((links(*near) + f"<p>Nothing happens in month {month} of {year}.</p>").encode())
        if found := re.fullmatch(r"/old/(\d+)", path):
            return Answer(status=301, headers={"Location": f"/news/{found[1]}"})
        if found := re.fullmatch(r"/chain/(\d+)", path):
            return Answer(status=302, headers={"Location": f"/chain/{int(found[1]) + 1}"})
        return self._single(path)

    def _single(self, path: str) -> Answer:
        if path == "/flaky":
            tried = self.asked.count("/flaky")
            if tried <= 2:
                return Answer(status=(500, 503)[tried - 1], headers={"Retry-After": "0"})
            return Answer(article(9003).encode())
        return self._pages.get(path, Answer(status=404))

    @cached_property
    def _pages(self) -> dict[str, Answer]:
        port = self.address.rpartition(":")[2]
        german = (
            f"<html><head><title>Brücke</title></head><body><article><p>{LATIN} {LATIN}</p></article></body></html>"
        )
        meta = german.replace("<head>", '<head><meta charset="iso-8859-1">')
        first = ARTICLES - LISTED
        return {
            "/robots.txt": Answer(ROBOTS.encode(), headers={"Content-Type": "text/plain"}),
            "/sitemap-index.xml": Answer(
                b"<?xml version='1.0'?><sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
                b"<sitemap><loc>/sitemap.xml.gz</loc></sitemap><sitemap><loc>/bad-sitemap.xml</loc></sitemap></sitemapindex>"
            ),
            "/bad-sitemap.xml": Answer(
                b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url>&b;</url></urlset>'
            ),
            "/sitemap.xml.gz": Answer(
                gzip.compress(
                    b"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
                    + b"".join(b"<url><loc>/news/%d</loc></url>" % number for number in range(first, ARTICLES + 1))
                    + b"<url><loc>http://elsewhere.example/x</loc></url></urlset>"
                )
            ),
            "/": Answer(
                links(
                    *(f"/list/{number}" for number in range(1, LISTS + 1)),
                    *(f"/print/{number}" for number in range(1, PRINTED + 1)),
                    *(f"/old/{number}" for number in (1, 2, 3)),
                    *(
                        "/private/a",
                        "/private/b",
                        "/open?secret=1",
                        "/loop/a",
                        "/chain/1",
                        "/missing",
                        "/flaky",
                        "/broken",
                    ),
                    *("/gzip", "/bomb", "/big", "/latin/header", "/latin/meta", "/latin/none", "/calendar/2026/1"),
                    *("/noindex", "/empty", "/paper", "/out", "/inward", "/file", "/self", "/photo.jpg", "/nofollow"),
                    *("mailto:a@b.c", "javascript:alert(1)", "http://elsewhere.example/", f"http://localhost:{port}/x"),
                ).encode()
            ),
            "/loop/a": Answer(status=302, headers={"Location": "/loop/b"}),
            "/loop/b": Answer(status=302, headers={"Location": "/loop/a"}),
            "/self": Answer(status=302, headers={"Location": "/self"}),
            "/out": Answer(status=302, headers={"Location": "http://elsewhere.example/"}),
            "/inward": Answer(status=302, headers={"Location": f"http://localhost:{port}/private/x"}),
            "/file": Answer(status=302, headers={"Location": "file:///etc/passwd"}),
            "/broken": Answer(status=500),
            "/gzip": Answer(gzip.compress(article(9001).encode()), headers={"Content-Encoding": "gzip"}),
            "/bomb": Answer(gzip.compress(b"x" * BIG), headers={"Content-Encoding": "gzip"}),
            "/big": Answer(stream=True),
            "/latin/header": Answer(
                german.replace("Brücke<", "Kopf<").encode("latin-1"),
                headers={"Content-Type": "text/html; charset=latin-1"},
            ),
            "/latin/meta": Answer(
                meta.replace("Brücke<", "Meta<").encode("latin-1"), headers={"Content-Type": "text/html"}
            ),
            "/latin/none": Answer(
                german.replace("Brücke<", "Nichts<").encode("latin-1"), headers={"Content-Type": "text/html"}
            ),
            "/noindex": Answer(article(9002, '<meta name="robots" content="noindex">').encode()),
            "/nofollow": Answer(
                links("/hidden").replace("<body>", "<meta name=robots content=nofollow><body>").encode()
            ),
            "/empty": Answer(b""),
            "/paper": Answer(b"%PDF-", headers={"Content-Type": "application/pdf"}),
        }

    def note(self, path: str, agent: str) -> int:
        with self._lock:
            self.asked.append(path)
            self.agents.add(agent)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            return len(self.asked)

    def done(self, path: str, status: int) -> None:
        with self._lock:
            self.at_once -= 1
            self.unchanged += status == 304
            if status == 200:
                self.answered.append(path)

    def forget(self) -> None:
        self.asked, self.answered = [], []
        self.unchanged = self.sent = self.at_once = self.most_at_once = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        site, path = self.server.site, self.path  # type: ignore[attr-defined]
        count = site.note(path, self.headers["User-Agent"])
        try:
            site.before(count)
            answer = site.answer(path)
            known = answer.headers.get("ETag")
            status = 304 if known and self.headers["If-None-Match"] == known else answer.status
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **answer.headers}.items():
                self.send_header(name, value)
            site.done(path, status)  # before the last byte: whoever has it may ask again
            if answer.stream:
                self.send_header("Connection", "close")
                self.end_headers()
                piece = b"<p>" + b"never ending words " * 3_000
                while site.sent < BIG:
                    self.wfile.write(piece)
                    site.sent += len(piece)
            else:
                body = b"" if status == 304 else answer.body
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            site.after(count)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of whoever hangs up."""


@contextmanager
def served() -> Iterator[Site]:
    """Serve a site for a while."""
    site = Site()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.site = site  # type: ignore[attr-defined]
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
