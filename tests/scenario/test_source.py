"""A source on the web is refused where it cannot be fetched politely and safely, and says which setting it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.data.conftest import build_scenario

from loopbook.scenario.contract import Scenario
from loopbook.scenario.source import CrawlSource, FeedSource

DOCS = Path(__file__).resolve().parents[2] / "docs" / "web-sources.md"
CRAWL = {"kind": "crawl", "start": ["https://example.org/"], "contact": "me@example.org"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"contact": None}, "contact"),
        ({"contact": "me"}, "contact"),
        ({"contact": "me@example.org\r\nX: y"}, "contact"),
        ({"start": []}, "start"),
        ({"start": ["example.org"]}, "is no address"),
        ({"start": ["ftp://example.org/"]}, "is no address"),
        ({"start": ["https://me:word@example.org/"]}, "without a password"),
        ({"paths": ["news/"]}, "must begin with /"),
        ({"pace": -1}, "pace"),
        ({"pages": 0}, "pages"),
        ({"page_byte": 1}, "page_byte"),
    ],
)
def test_a_crawl_that_cannot_be_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        CrawlSource.model_validate(CRAWL | settings)


def test_authors_are_personal_unless_the_scenario_says_otherwise() -> None:
    assert CrawlSource.model_validate(CRAWL).personal == ("author",)
    assert CrawlSource.model_validate(CRAWL | {"personal": []}).personal == ()


def test_the_examples_of_the_docs_are_scenarios() -> None:
    crawl, feed = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), flags=re.S))
    task, data = crawl["task"], crawl["data"]
    made = build_scenario(crawl["source"], task["fields"], task["label"], **data)
    assert isinstance(made, Scenario) and isinstance(made.source, CrawlSource)
    assert isinstance(build_scenario(feed["source"]).source, FeedSource)
