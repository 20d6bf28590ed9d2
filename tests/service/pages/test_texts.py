"""Texts: whole in every language, none without use, the language as the reader wishes."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopbook.service import pages
from loopbook.service.pages import rendering, texts

FOLDER = Path(next(iter(pages.__path__)))
NAMED = re.compile(r"""["']((?:[a-z0-9_]+)\.(?:[a-z0-9_]+))["']""")
BEGUN = re.compile(r"""["']([a-z0-9_]+\.[a-z0-9_]*)["'] ~""")
"""A key in a template or module, and one that is put together from its beginning and a word of data."""


def sources() -> Iterator[str]:
    for file in [*FOLDER.rglob("*.j2"), *FOLDER.rglob("*.py")]:
        yield file.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", texts.texts())
def test_every_text_is_there_in_every_language_with_the_same_names(key: str) -> None:
    said = texts.texts()[key]
    names = [{name for _, name, _, _ in string.Formatter().parse(said[tag]) if name} for tag in texts.LANGUAGES]
    assert set(said) - {"en_one"} == set(texts.LANGUAGES) and all(said.values())
    assert names == [names[0]] * len(names), "the same is filled in"
    assert "zh" not in said or re.search(r"[\u4e00-\u9fff]", said["zh"]), "Chinese is written in Chinese"


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    known = set(texts.texts())
    whole = "\n".join(sources())
    named, begun = set(NAMED.findall(whole)), tuple(BEGUN.findall(whole))
    named |= {f"common.{name}" for name, _ in rendering.NAVIGATION.values()}
    assert sorted(key for key in known - named if not key.startswith(begun)) == []
    pages_there = {key.partition(".")[0] for key in known}
    called = set(re.findall(r"""\bt\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", whole))
    assert sorted(called - known) == [] and {key.partition(".")[0] for key in called} <= pages_there


@pytest.mark.parametrize(
    ("wished", "accepted", "shown"),
    [
        (None, None, "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "de-DE, en;q=0.5, zh;q=0.7", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "fr, *;q=0.1", "en"),
        ("zh", "en", "zh"),
        ("xx", "zh", "zh"),
        (None, "zh;q=9,,;;=" + "a" * 5_000, "en"),
    ],
)
def test_the_language_is_the_readers_choice_then_the_browsers(wished: str, accepted: str, shown: str) -> None:
    assert texts.language(wished, accepted) == shown


def test_one_thing_is_one_thing() -> None:
    assert texts.text("en", "problem.title", status=404) == "This did not work (404)"
    with pytest.raises(KeyError):
        texts.text("en", "problem.title")
