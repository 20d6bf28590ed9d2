"""A command fetches; what was saved goes through notebook 02's steps to a card, and leaves when its time is over."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.data.web.conftest import crawl_of, feeds_of
from tests.data.web.site import Answer, Site, links, text

from loopbook.data import card, cleaning, download, raw_copies, sources, splitting, validation
from loopbook.data.web import fetching, saved
from loopbook.scenario.errors import DataError
from loopbook.scenario.loading import load

WORDS = {"sport": "The goal of the match number", "money": "The price of the bank number"}
SCENARIO = {
    "name": "press-crawl",
    "title": "Which pages are about sport",
    "description": "Reads pages of a local site.",
    "task": {"fields": {"title": "text", "text": "text"}, "label": {"column": "section", "positive": ["sport"]}},
    # Ids hold the site's address, whose port differs each time: splits large enough for both classes whatever it is.
    "data": {
        "max_quarantine_share": 0.5,
        "splits": {"train": 0.3, "validation": 0.25, "test": 0.25, "gate": 0.1, "stream": 0.1},
    },
    "training": {"candidates": {"majority": {"architecture": "majority"}}},
}


def fill(site: Site) -> None:
    """Let the site have 90 articles in two sections, of which two are nearly the same, and what is no article."""
    for number in range(1, 91):
        section = ("money", "sport", "sport")[number % 3]
        said = text(number if number != 90 else 3).replace("Article 3 ", "Article 90 ")
        page = (
            f'<html lang="en"><head><title>{section} {number}</title><meta name="author" content="Jane Doe">'
            f'<meta property="article:published_time" content="2026-0{number // 25 + 1}-{number % 25 + 1:02d}"></head>'
            f"<body><article><p>{WORDS[section]} {number}, says jane{number}@example.org. {said}</p></article></body>"
        )
        site.extra[f"/{section}/{number}"] = Answer(page.encode())
    site.extra["/"] = Answer(links(*site.extra, "/private/x", "/sport/missing").encode())


@pytest.fixture
def place(fresh: Site, tmp_path: Path) -> Path:
    """Return a project with a scenario that crawls the site."""
    fill(fresh)
    source = crawl_of(fresh, paths=["/sport/", "/money/", "/private/"], sitemaps=False, licence="CC BY 4.0")
    settings = {**SCENARIO, "source": source.model_dump(mode="json", exclude_unset=True)}
    (tmp_path / "notebooks" / "scenarios").mkdir(parents=True)
    (tmp_path / "notebooks" / "scenarios" / "press-crawl.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "requirements.lock").write_text("nothing==1\n")
    return tmp_path


def test_a_crawled_site_becomes_splits_and_a_card(place: Path, fresh: Site) -> None:
    environment = {**os.environ, "LOOPBOOK_PROJECT": str(place)}
    command = [sys.executable, "-m", "loopbook", "fetch", "--scenario", "press-crawl"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Fetched: 91 (0 unchanged)" in done.stdout and "1 × forbidden" in done.stdout and "1 × error" in done.stdout
    asked, scenario, raw = (
        len(fresh.asked),
        load("press-crawl", place / "notebooks" / "scenarios"),
        place / "data" / "raw",
    )

    sources.check(scenario, place)
    collected = sources.collect(scenario.source, place, raw, download.silent)
    valid, rejected = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, personal = cleaning.mask(valid, scenario)
    kept, repeated = cleaning.deduplicate(masked, scenario)
    quarantine = pd.concat([rejected, repeated], ignore_index=True)
    assert len(kept) + len(quarantine) == collected.origin["rows"] == 92
    assert not masked["text"].str.contains("@example.org").any() and personal["findings"].sum() >= 90
    assert masked["author"].nunique() == 1 and "Jane" not in masked["author"].iloc[0]
    splits = splitting.split(kept, scenario, 1, splitting.boundaries(kept, scenario))
    told = card.dataset_card(splits, quarantine, collected.origin, scenario, personal)
    assert told["origin"]["licence"] == "CC BY 4.0" and told["origin"]["address"] == f"{fresh.address}/"
    assert told["origin"]["robots"].endswith(": 200, 1 addresses forbidden") and told["origin"]["fetched"][:2] == "20"
    assert told["quarantine"]["forbidden"] == told["quarantine"]["error"] == 1
    assert "gc takes it away 90 days after the last fetch" in told["origin"]["raw"]
    assert len(fresh.asked) == asked, "a run asks nobody on the web"


def test_the_command_says_what_is_wrong(place: Path) -> None:
    environment = {**os.environ, "LOOPBOOK_PROJECT": str(place)}
    command = [sys.executable, "-m", "loopbook", "fetch", "--scenario", "press-crawl", "--params", "source.pages=0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pages" in done.stderr and "Traceback" not in done.stderr


def test_what_was_saved_leaves_when_its_time_is_over_and_a_run_says_so(fresh: Site, tmp_path: Path) -> None:
    fresh.extra["/"] = Answer(links("/news/1").encode())
    source = crawl_of(fresh, depth=1, sitemaps=False, keep_raw_days=30)
    fetching.fetch(source, tmp_path)
    now = datetime.now(UTC)
    assert raw_copies.expired([source], tmp_path, tmp_path, now + timedelta(days=29)) == []
    (copy,) = raw_copies.expired([source], tmp_path, tmp_path, now + timedelta(days=31))
    copy.path.with_name(f"{copy.path.name}-wal").write_bytes(b"of a writer that was killed")
    raw_copies.remove(copy, now)
    assert [path.name for path in copy.path.parent.glob("[!.]*")] == [f"{copy.path.name}.gone.json"]
    with pytest.raises(DataError, match=r"gc took .* away .*python -m loopbook fetch"):
        sources.fingerprint(source, tmp_path, tmp_path)
    fetching.fetch(source, tmp_path)
    assert sources.fingerprint(source, tmp_path, tmp_path)


def test_a_feed_forgets_what_is_older_than_it_is_kept(fresh: Site, tmp_path: Path) -> None:
    source = feeds_of(fresh, "/a.rss", keep_raw_days=30)
    fresh.extra["/robots.txt"] = Answer(status=404)
    for number, days in ((1, 40), (2, 20), (3, 0)):
        item = f"<item><guid>urn:{number}</guid><title>Post number {number}</title></item>"
        fresh.extra["/a.rss"] = Answer(f"<rss version='2.0'><channel>{item}</channel></rss>".encode())
        fetching.fetch(source, tmp_path)
        with sqlite3.connect(saved.places(source, tmp_path)[0]) as base:
            base.execute("UPDATE visit SET at = datetime(at, ?)", [f"-{days} days"])
    table, _ = saved.read(source, tmp_path, download.silent)
    assert [row[0] for row in table.rows] == ["urn:2", "urn:3"]


def test_a_damaged_file_is_named_with_what_to_do(fresh: Site, tmp_path: Path) -> None:
    source = crawl_of(fresh)
    (place,) = saved.places(source, tmp_path)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    for action in (fetching.fetch, sources.fingerprint):
        with pytest.raises(DataError, match=r"sqlite cannot be used: .*remove it, and fetch again"):
            action(source, *([tmp_path] if action is fetching.fetch else [tmp_path, tmp_path]))


def test_rows_and_sample_take_the_first_and_a_share(fresh: Site, tmp_path: Path) -> None:
    fill(fresh)
    whole = crawl_of(fresh, paths=["/sport/", "/money/", "/private/"], sitemaps=False)
    fetching.fetch(whole, tmp_path)
    few = whole.model_copy(update={"rows": 10})
    assert saved.places(few, tmp_path) == saved.places(whole, tmp_path)
    collected = sources.collect(few, tmp_path, tmp_path, download.silent)
    assert len(collected.frame) + len(collected.broken) == collected.origin["rows"] == 10
