"""A crawl of a site of 500 pages brings what must be there, asks for nothing forbidden, and survives being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from tests.data.web.conftest import crawl_of
from tests.data.web.site import ARTICLES, BIG, LATIN, LISTS, PRINTED, Answer, Site, links, served, text

from loopbook.data import download
from loopbook.data.web import fetching, saved
from loopbook.data.web.fetching import Fetched
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CrawlSource

ALIKE = 30
CHILD = """\
import sys
import threading
from pathlib import Path
from loopbook.data.web import fetching
from loopbook.scenario.source import CrawlSource
fetching.fetch(CrawlSource.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@dataclass(frozen=True)
class Crawled:
    source: CrawlSource
    raw: Path
    fetched: Fetched
    asked: list[str]
    sent: int
    most_at_once: int
    agents: frozenset[str]
    rows: pd.DataFrame
    broken: dict[str, str]
    origin: dict[str, str]


@pytest.fixture(scope="module")
def crawled(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """Return an undisturbed crawl of the whole site, read once."""
    source, raw = crawl_of(site, pattern_pages=ALIKE), tmp_path_factory.mktemp("raw")
    site.forget()
    fetched = fetching.fetch(source, raw)
    seen = list(site.asked), site.sent, site.most_at_once, frozenset(site.agents)
    table, origin = saved.read(source, raw, download.silent)
    rows = pd.DataFrame(table.rows, columns=list(table.columns))
    rows.index = rows["id"].str.removeprefix(site.address)
    broken = {row.text.removeprefix(site.address): row.reason for row in table.broken}
    assert sorted([*table.lines, *(row.line for row in table.broken)]) == list(range(1, len(rows) + len(broken) + 1))
    return Crawled(source, raw, fetched, *seen, rows, broken, origin)


def test_every_article_is_there_once_with_text_date_author_and_language(crawled: Crawled) -> None:
    rows = crawled.rows
    assert rows["id"].is_unique
    articles = rows[rows["section"] == "news"]
    assert set(articles.index) == {f"/news/{number}" for number in range(1, ARTICLES + 1)}
    assert set(articles["language"]) == {"en"}
    seventh = articles.loc["/news/7"]
    assert text(7) in seventh["text"] and seventh["title"] == "Article 7"
    assert pd.Timestamp(seventh["time"]) == pd.Timestamp("2026-03-08T09:00:00Z")
    assert seventh["author"] == "Jane Doe 2"
    for number in range(1, ARTICLES + 1):
        assert text(number) in articles.loc[f"/news/{number}", "text"]


def test_pages_are_decoded_whoever_says_how(crawled: Crawled) -> None:
    german = crawled.rows.loc[["/latin/header", "/latin/meta", "/latin/none"]]
    assert all(LATIN in page for page in german["text"])
    assert set(german["language"]) == {"de"}
    assert "Article 9001" in crawled.rows.loc["/gzip", "text"]


def test_a_page_that_fails_first_is_asked_for_again(crawled: Crawled) -> None:
    assert crawled.asked.count("/flaky") == 3 and "/flaky" in crawled.rows.index
    assert crawled.asked.count("/broken") == 3 and crawled.broken["/broken"] == "error"
    assert crawled.asked.count("/missing") == 1


def test_what_is_forbidden_was_never_asked_for(crawled: Crawled) -> None:
    assert [path for path in crawled.asked if "private" in path or "secret" in path] == []
    assert {crawled.broken[path] for path in ("/private/a", "/private/b", "/open?secret=1")} == {"forbidden"}
    assert crawled.asked[0] == "/robots.txt" and crawled.asked.count("/robots.txt") == 1
    assert crawled.agents == {f"Loopbook/{version('loopbook')} (+crawler@example.org)"}
    assert "/hidden" not in crawled.asked and "/photo.jpg" not in crawled.asked


def test_what_is_no_row_has_its_reason(crawled: Crawled) -> None:
    reasons = {
        "/missing": "error", "/noindex": "noindex", "/empty": "no-text", "/paper": "not-html", "/big": "too-large",
        "/bomb": "too-large", "/out": "other-host", "/inward": "other-host", "/file": "error", "/self": "redirect-loop",
        "/loop/a": "redirect-loop", "/loop/b": "redirect-loop", "/chain/6": "error",
    }  # fmt: skip
    assert {path: crawled.broken.get(path) for path in reasons} == reasons
    printed = {crawled.broken.get(f"/print/{number}") for number in range(1, PRINTED + 1)}
    assert printed == {"duplicate-page"}


def test_no_page_is_asked_for_twice_and_one_at_a_time(crawled: Crawled) -> None:
    assert {path for path, count in Counter(crawled.asked).items() if count > 1} == {"/flaky", "/broken"}
    assert crawled.most_at_once == 1
    assert len([path for path in crawled.asked if path.startswith("/old/")]) == 3


def test_a_page_of_50_megabytes_is_cut_off(crawled: Crawled) -> None:
    assert crawled.sent < BIG / 4  # what the network's buffers took
    assert crawled.fetched.bytes < 2 * crawled.source.page_bytes + 1_000_000


def test_an_endless_calendar_ends(crawled: Crawled) -> None:
    assert sum(path.startswith("/calendar/") for path in crawled.asked) == ALIKE + 1
    assert sum(path.startswith("/list/") for path in crawled.asked) == LISTS
    assert crawled.fetched.left["sitemaps that cannot be read"] == 1
    assert crawled.fetched.left["pattern_pages"] > 0 and "pattern_pages" in crawled.origin["left_out"]


def test_a_site_is_killed_again_and_again_and_the_result_is_equal(
    crawled: Crawled, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.forget()
    child: list[subprocess.Popen[bytes]] = []
    kills = {"before": {2, 60, 150, 310}, "after": {230, 400}}  # requests in the middle of which it is killed

    def kill(when: str, count: int) -> None:
        if count in kills[when]:
            os.kill(child[-1].pid, signal.SIGKILL)
            child[-1].wait()
            raise ConnectionResetError  # nobody is there any more to be answered

    monkeypatch.setattr(site, "before", lambda count: kill("before", count))
    monkeypatch.setattr(site, "after", lambda count: kill("after", count))
    codes = []
    for _ in range(len(kills["before"]) + len(kills["after"]) + 1):
        with pytest.raises(DataError, match=r"python -m loopbook fetch"):
            saved.digest(crawled.source, tmp_path)
        command = [sys.executable, "-c", CHILD, crawled.source.model_dump_json(), str(tmp_path)]
        child.append(subprocess.Popen(command))
        codes.append(child[-1].wait())
    assert codes == [-signal.SIGKILL] * 6 + [0]
    assert saved.digest(crawled.source, tmp_path) == saved.digest(crawled.source, crawled.raw)
    answered = Counter(site.answered)
    repeated = {path for path, count in answered.items() if count > 1}
    assert len(repeated) <= len(kills["after"])  # its answer was on the way, and not yet written down
    assert set(site.asked) == set(crawled.asked)


def test_a_second_fetch_asks_whether_pages_have_changed(crawled: Crawled, site: Site) -> None:
    before = saved.digest(crawled.source, crawled.raw)
    site.forget()
    again = fetching.fetch(crawled.source, crawled.raw)
    assert again.unchanged == ARTICLES == site.unchanged
    assert saved.digest(crawled.source, crawled.raw) == before


def test_a_budget_of_pages_and_bytes_is_kept_and_told(fresh: Site, tmp_path: Path) -> None:
    pages = crawl_of(fresh, pages=5, sitemaps=False)
    fetched = fetching.fetch(pages, tmp_path / "pages")
    assert len([path for path in fresh.asked if path != "/robots.txt"]) == 5
    assert fetched.left["beyond the budget of pages"] > 30
    fresh.forget()
    size = crawl_of(fresh, bytes=10_000, sitemaps=False)
    fetched = fetching.fetch(size, tmp_path / "bytes")
    assert 10_000 <= fetched.bytes < 20_000
    assert "beyond the budget of bytes" in fetched.left


def test_paths_depth_and_skip_bound_what_is_visited(fresh: Site, tmp_path: Path) -> None:
    source = crawl_of(fresh, paths=["/list/", "/news/"], skip=["/news/1"], depth=2, sitemaps=False)
    fetching.fetch(source, tmp_path)
    visited = {path for path in fresh.asked if path not in ("/robots.txt", "/")}
    assert visited and all(path.startswith(("/list/", "/news/")) for path in visited)
    assert not [path for path in visited if path.startswith("/news/1")]
    table, _ = saved.read(source, tmp_path, download.silent)
    assert f"{fresh.address}/" not in {row[0] for row in table.rows}


@pytest.mark.parametrize("status", [503, 429, 0])
def test_nothing_is_asked_for_where_robots_txt_cannot_be_had(fresh: Site, tmp_path: Path, status: int) -> None:
    fresh.extra["/robots.txt"] = Answer(status=status or 500, headers={"Retry-After": "0"})
    fetched = fetching.fetch(crawl_of(fresh), tmp_path)
    assert set(fresh.asked) == {"/robots.txt"}
    assert fetched.states == {"robots-unreachable": 1}
    with pytest.raises(DataError, match=r"robots\.txt could not be had .*, so nothing is asked for"):
        saved.read(crawl_of(fresh), tmp_path, download.silent)


def test_a_site_without_robots_txt_is_open(fresh: Site, tmp_path: Path) -> None:
    fresh.extra |= {"/robots.txt": Answer(status=404), "/": Answer(links("/private/a").encode())}
    fetching.fetch(crawl_of(fresh, depth=1), tmp_path)
    assert "/private/a" in fresh.asked and "/sitemap.xml" in fresh.asked


def test_robots_txt_sets_the_pace(fresh: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.extra |= {
        "/robots.txt": Answer(b"User-agent: *\nCrawl-delay: 7"),
        "/": Answer(links("/news/1").encode()),
        "/news/1": Answer(b"<p>The last one.</p>"),
    }
    waited: list[float] = []
    monkeypatch.setattr(fetching.Asking, "_pause", lambda self, seconds: waited.append(seconds))
    fetching.fetch(crawl_of(fresh, depth=1, sitemaps=False, pace=2), tmp_path)
    assert fresh.asked == ["/robots.txt", "/", "/news/1"]
    assert waited[0] == 0 and 1 < waited[1] <= 2 and 6 < waited[2] <= 7


def test_a_host_that_does_not_answer_is_left_alone(
    fresh: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"/dead/{number}" for number in range(12)]
    fresh.extra |= {"/": Answer(links(*many).encode())}

    def hang_up(count: int) -> None:
        if fresh.asked[-1].startswith("/dead/"):
            raise ConnectionResetError

    monkeypatch.setattr(fresh, "before", hang_up)
    fetching.fetch(crawl_of(fresh, depth=1, sitemaps=False, attempts=1), tmp_path)
    assert len([path for path in fresh.asked if path.startswith("/dead/")]) == 5


@pytest.mark.parametrize(("headers", "asked"), [({"Retry-After": "86400"}, 1), ({"Retry-After": "0"}, 5)])
def test_a_host_that_has_enough_is_left_alone(fresh: Site, tmp_path: Path, headers: dict[str, str], asked: int) -> None:
    many = [f"/busy/{number}" for number in range(12)]
    fresh.extra |= {path: Answer(status=429, headers=headers) for path in many}
    fresh.extra |= {"/": Answer(links(*many).encode())}
    fetched = fetching.fetch(crawl_of(fresh, depth=1, sitemaps=False, attempts=1), tmp_path)
    assert len([path for path in fresh.asked if path.startswith("/busy/")]) == asked
    assert fetched.states == {"page": 1, "error": 12}


def test_two_hosts_are_asked_side_by_side_and_each_in_turn(fresh: Site, tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=30)  # broken, and with it the crawl, unless both are asked at once
    with served() as other:
        for site in (fresh, other):
            site.extra |= {"/robots.txt": Answer(status=404), "/": Answer(links("/news/1", "/news/2").encode())}
            site.before = lambda count: None if count > 1 else meeting.wait() and None
        hosts = [site.address.removeprefix("http://") for site in (fresh, other)]
        starts = [f"{site.address}/" for site in (fresh, other)]
        source = crawl_of(fresh, start=starts, private_hosts=hosts, depth=1, sitemaps=False)
        fetched = fetching.fetch(source, tmp_path)
        assert fetched.states == {"page": 6} and not meeting.broken
        assert fresh.most_at_once == other.most_at_once == 1


def test_what_was_saved_is_for_its_owner_only_and_leaves_no_second_file(crawled: Crawled) -> None:
    (place,) = saved.places(crawled.source, crawled.raw)
    assert place.stat().st_mode & 0o077 == 0 and place.parent.stat().st_mode & 0o077 == 0
    assert [path.name for path in place.parent.iterdir() if not path.name.startswith(".")] == [place.name]
