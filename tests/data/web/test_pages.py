"""What a page says is read as its site means it, as far as its site can be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.web.conftest import crawl_of
from tests.data.web.site import Answer, Site, article, links

from loopbook.data import download
from loopbook.data.web import fetching, pages, saved, sitemaps
from loopbook.data.web.pages import Page

HERE = "http://a.example/x/y"


def test_links_are_resolved_once_each_and_without_nofollow() -> None:
    body = (
        '<base href="/z/"><a href="one">1</a><a href="/z/one#b">1</a><a rel="NoFollow" href="two">2</a>'
        '<a href="mailto:a@b.c">m</a><area href="//b.example/three"><a>none</a>'
    )
    assert pages.links(body.encode(), {}, HERE) == ["http://a.example/z/one", "http://b.example/three"]
    assert pages.links(body.encode(), {"x-robots-tag": "none"}, HERE) == []
    assert pages.links(b"<meta name=ROBOTS content='noindex, nofollow'>" + body.encode(), {}, HERE) == []


def test_no_page_leads_to_more_than_2000_addresses() -> None:
    assert len(pages.links(links(*map(str, range(9_000))).encode(), {}, HERE)) == 2_000


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff\xfe", b"<" * 50_000, b"<div>" * 50_000, b"<!--", "\ud800".encode("utf-8", "surrogatepass")]
)
def test_rubbish_has_no_text_and_no_links(body: bytes) -> None:
    assert pages.links(body, {"content-type": "text/html; charset=no-such-thing"}, HERE) == []
    assert not isinstance(pages.read(body, {}, HERE), Page)


def test_the_date_is_the_one_that_the_page_declares() -> None:
    dated = pages.read(article(3).encode(), {}, HERE)
    assert isinstance(dated, Page) and dated.time == "2026-03-04T10:00:00+0100"
    undated = pages.read(b"<p>Copyright 2019. " + b"Some words that say nothing of a day. " * 9, {}, HERE)
    assert isinstance(undated, Page) and undated.time == ""


@pytest.mark.parametrize(("declared", "language"), [("de-AT", "de"), ("", "fr"), ("x", "fr"), ("EN_us", "en")])
def test_a_language_is_the_declared_one_or_that_of_the_text(declared: str, language: str) -> None:
    assert pages.language(declared, "Le monde est plein de choses que nous ne connaissons pas encore.") == language


def test_different_pages_that_call_themselves_by_one_address_are_kept(fresh: Site, tmp_path: Path) -> None:
    """A site whose template names its home page as every page's canonical address."""
    home = '<link rel="canonical" href="/">'
    welcome = "<article><p>Welcome to all of you who come here, and may you stay for a while with us.</p></article>"
    front = links("/p/1", "/p/2", "/p/3").replace("</body>", f"{welcome}</body>")
    fresh.extra |= {"/": Answer(front.encode())}
    fresh.extra |= {f"/p/{number}": Answer(article(min(number, 2), home).encode()) for number in (1, 2, 3)}
    source = crawl_of(fresh, depth=1, sitemaps=False)
    fetching.fetch(source, tmp_path)
    table, _ = saved.read(source, tmp_path, download.silent)
    assert [row[0].removeprefix(fresh.address) for row in table.rows] == ["/", "/p/1", "/p/2"]
    assert [(row.reason, row.text) for row in table.broken] == [("duplicate-page", f"{fresh.address}/p/3")]


def test_other_languages_are_put_aside(fresh: Site, tmp_path: Path) -> None:
    fresh.extra |= {"/": Answer(links("/news/1", "/latin/meta").encode())}
    source = crawl_of(fresh, paths=["/news/", "/latin/"], depth=1, sitemaps=False, languages=["de"])
    fetching.fetch(source, tmp_path)
    table, _ = saved.read(source, tmp_path, download.silent)
    assert [row[0] for row in table.rows] == [f"{fresh.address}/latin/meta"]
    assert [row.reason for row in table.broken] == ["other-language"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>", "no XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><urlset/>', "EntitiesForbidden"),
        (b"\x1f\x8b\x08nonsense", "no gzip"),
    ],
)
def test_a_sitemap_that_cannot_be_read_says_why(content: bytes, problem: str) -> None:
    with pytest.raises(sitemaps.Unreadable, match=problem):
        sitemaps.read(content)


def test_a_sitemap_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(sitemaps, "LARGEST", 10_000)
    with pytest.raises(sitemaps.Unreadable, match="more than 10,000 bytes"):
        sitemaps.read(gzip.compress(b"<urlset>" + b" " * 100_000 + b"</urlset>"))
