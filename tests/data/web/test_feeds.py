"""RSS, Atom and RDF become rows; what is hostile in them stays text, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.data.conftest import build_scenario
from tests.data.web.conftest import feeds_of
from tests.data.web.site import Answer, Site

from loopbook.data import cleaning, download, sources, validation
from loopbook.data.web import feeds, fetching, saved
from loopbook.scenario.errors import DataError

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Airlines</title><language>en-GB</language>
{}</channel></rss>"""
ITEM = (
    "<item><title>{title}</title><link>{link}</link><guid isPermaLink='false'>{guid}</guid>{date}"
    "<author>jane@example.org (Jane)</author><category>{category}</category><description>{text}</description></item>"
)
DATE = "<pubDate>Mon, 02 Mar 2026 10:00:00 +0100</pubDate>"
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>Züge</title>
<entry><id>tag:example.org,2026:1</id><title type="html">Der &lt;b&gt;Zug&lt;/b&gt;</title>
<link href="/zug?utm_source=a"/><published>2026-03-01T08:00:00Z</published>
<updated>2026-03-05T08:00:00Z</updated><author><name>Max</name></author>
<content
type="html">&lt;p&gt;Er f&#228;hrt.&lt;/p&gt;&lt;p&gt;Und hält &amp;amp; wartet.&lt;/p&gt;</content></entry></feed>"""
RDF = """<?xml version="1.0" encoding="iso-8859-1"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="http://a.example/">
<title>Old</title><link>http://a.example/</link></channel><item rdf:about="http://a.example/1"><title>Fa\xe7ade</title>
<link>http://a.example/1</link><dc:date>2026-02-01T00:00:00Z</dc:date><description>Of a house.</description></item>
</rdf:RDF>"""
HERE = "http://a.example/feed"
XML = {"Content-Type": "application/rss+xml"}


def item(number: int, title: str = "", text: str = "", date: str = DATE, category: str = "late") -> str:
    return ITEM.format(
        title=title or f"Post {number}",
        link=f"http://a.example/{number}",
        guid=f"urn:post:{number}",
        date=date,
        category=category,
        text=text or f"Flight {number} was {'cancelled and nobody told us' if number % 2 else 'on time, thank you'}.",
    )


def rss(*items: str) -> bytes:
    return RSS.format("".join(items)).encode()


def test_rss_atom_and_rdf_are_read() -> None:
    (entry,) = feeds.read(rss(item(1)), {}, HERE)
    assert (entry.id, entry.title, entry.time) == ("urn:post:1", "Post 1", "2026-03-02T09:00:00+00:00")
    assert (entry.site, entry.category, entry.language) == ("Airlines", "late", "en")
    assert "Jane" in entry.author and entry.address == "http://a.example/1"
    (entry,) = feeds.read(ATOM.encode(), {"content-type": "application/atom+xml; charset=utf-8"}, HERE)
    assert (entry.title, entry.text) == ("Der Zug", "Er fährt. Und hält & wartet.")
    assert (entry.id, entry.address) == ("tag:example.org,2026:1", "http://a.example/zug")
    assert (entry.time, entry.author, entry.language) == ("2026-03-01T08:00:00+00:00", "Max", "de")
    (entry,) = feeds.read(RDF.encode("latin-1"), {}, HERE)
    assert (entry.id, entry.title, entry.text) == ("http://a.example/1", "Façade", "Of a house.")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<script>alert(1)</script>Hello", "Hello"),
        ("<img src=x onerror=alert(1)>Picture", "Picture"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        ("wo<b>rd</b>, and &amp;lt;not a tag&amp;gt;", "word, and &lt;not a tag&gt;"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("<style>p{}</style><svg onload=alert(1)>", ""),
        ("a<br>b", "a b"),
    ],
)
def test_markup_becomes_text(markup: str, text: str) -> None:
    assert feeds.plain(markup) == text


def test_an_entity_bomb_is_refused() -> None:
    levels = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10))
    bomb = f'<!DOCTYPE rss [<!ENTITY e0 "ha">{levels}]>' + RSS.format(item(1, "&e9;")).partition("?>")[2]
    with pytest.raises(feeds.Unreadable, match="declares entities"):
        feeds.read(bomb.encode(), {}, HERE)
    outside = '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + RSS.format(item(1, "&f;")).partition("?>")[2]
    with pytest.raises(feeds.Unreadable, match="declares entities"):
        feeds.read(outside.encode(), {}, HERE)


@pytest.mark.parametrize("body", [b"<html><body>Not found</body></html>", b"", b"http://a.example/feed", b"/etc/host"])
def test_what_is_no_feed_is_refused_and_no_address_in_it_opened(body: bytes) -> None:
    with pytest.raises(feeds.Unreadable, match="no feed"):
        feeds.read(body, {}, HERE)


def test_broken_xml_is_mended() -> None:
    (entry,) = feeds.read(rss(item(1, "Fish & chips &nbsp;")), {}, HERE)
    assert entry.title.startswith("Fish & chips")


def test_entries_without_an_id_go_by_their_address_or_content() -> None:
    bare = "<item><title>A</title>{}</item>"
    with_link, without, numbered = (
        feeds.read(rss(bare.format(more)), {}, HERE)[0].id
        for more in ("<link>http://a.example/x#y</link>", "", "<guid isPermaLink='false'>17</guid>")
    )
    assert with_link == "http://a.example/x" and len(without) == 16 and numbered == f"{HERE} 17"


def test_two_feeds_become_rows_and_quarantine(fresh: Site, tmp_path: Path) -> None:
    """Hostile titles, dates in the future, no dates, and entries that stand in both feeds."""
    later = "<pubDate>Mon, 02 Mar 2099 10:00:00 +0100</pubDate>"
    posts = [item(number, text=f"Flight {number} " + f"{number * 7919} " * 9, category="late" if number % 3 else "fine")
             for number in range(1, 31)]  # fmt: skip
    hostile = item(40, "&lt;script&gt;alert(document.cookie)&lt;/script&gt;Bad &lt;img src=x onerror=alert(1)&gt;")
    fresh.extra |= {
        "/a.rss": Answer(rss(*posts[:20], hostile, item(41, date=later)), headers=XML),
        "/b.rss": Answer(rss(*posts[15:], item(42, date="")), headers=XML),
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /closed"),
        "/moved.rss": Answer(status=301, headers={"Location": "/b.rss"}),
    }
    source = feeds_of(fresh, "/a.rss", "/moved.rss", "/closed.rss", "/gone.rss")
    fetched = fetching.fetch(source, tmp_path)
    assert fetched.states == {"page": 2, "moved": 1, "forbidden": 1, "error": 1}
    assert "/closed.rss" not in fresh.asked

    settings = source.model_dump(mode="json")
    label = {"column": "category", "positive": ["late"]}
    scenario = build_scenario(settings, {"title": "text", "text": "text"}, label, max_quarantine_share=0.9)
    collected = sources.collect(scenario.source, tmp_path, tmp_path, download.silent)
    assert "127.0.0.1" in collected.origin["robots"] and "1 addresses forbidden" in collected.origin["robots"]
    rows, rejected = validation.validate(collected, scenario, datetime.now(UTC).date())
    rows, _ = cleaning.mask(rows, scenario)
    kept, repeated = cleaning.deduplicate(rows, scenario)
    assert len(kept) + len(repeated) + len(rejected) == collected.origin["rows"]
    assert set(kept["row_id"]) == {f"urn:post:{number}" for number in [*range(1, 31), 40]}
    reasons = rejected["reason"].value_counts().to_dict()
    assert reasons == {"duplicate-id": 5, "future-date": 1, "missing-time": 1, "forbidden": 1, "error": 1}
    assert kept.set_index("row_id").loc["urn:post:40", "title"] == "Bad"
    assert not kept["author"].str.contains("jane").any() and kept["author"].nunique() == 1


def test_what_a_feed_has_forgotten_stays_and_what_it_has_changed_is_changed(fresh: Site, tmp_path: Path) -> None:
    source = feeds_of(fresh, "/a.rss")
    fresh.extra |= {"/robots.txt": Answer(status=404)}

    def rows_of(*items: str) -> pd.DataFrame:
        fresh.extra["/a.rss"] = Answer(rss(*items))
        fetching.fetch(source, tmp_path)
        table, _ = saved.read(source, tmp_path, download.silent)
        return pd.DataFrame(table.rows, columns=list(table.columns)).set_index("id")

    first = rows_of(item(2), item(1))
    digest = saved.digest(source, tmp_path)
    assert list(first.index) == ["urn:post:1", "urn:post:2"]
    rows_of(item(2), item(1))
    assert saved.digest(source, tmp_path) == digest
    rows = rows_of(item(3), item(2, "Corrected"))
    assert saved.digest(source, tmp_path) != digest
    assert (
        list(rows.index) == ["urn:post:1", "urn:post:2", "urn:post:3"]
        and rows.loc["urn:post:2", "title"] == "Corrected"
    )
    assert rows.loc["urn:post:2", "fetched"] == first.loc["urn:post:2", "fetched"]
    fresh.extra["/a.rss"] = Answer(status=500)
    fetching.fetch(source, tmp_path)
    table, _ = saved.read(source, tmp_path, download.silent)
    assert len(table.rows) == 3 and [row.reason for row in table.broken] == ["error"]


def test_a_run_without_a_fetch_says_what_to_do(fresh: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Nothing was fetched yet from .*python -m loopbook fetch --scenario NAME"):
        sources.fingerprint(feeds_of(fresh, "/a.rss"), tmp_path, tmp_path)
    assert fresh.asked == []
