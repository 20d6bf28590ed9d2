"""The authored word material of the simulated world, read from ``words/*.yaml`` and parsed once."""

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml

from loopbook.simulation.inflection import verb_forms

Style = Literal["formal", "casual"]
Sentiment = Literal["negative", "neutral", "positive"]

CLASSES: dict[tuple[Sentiment, bool], str] = {
    ("negative", True): "bad",
    ("negative", False): "nuisance",
    ("positive", True): "good",
    ("positive", False): "nice",
    ("neutral", False): "plain",
}
"""Name of the phrase list for (sentiment, material)."""
OPPOSITE: dict[Sentiment, Sentiment] = {"negative": "positive", "positive": "negative", "neutral": "neutral"}


@dataclass(frozen=True)
class Company:
    """An invented company: its name, its ticker, what it is called, and what it sells."""

    name: str
    ticker: str
    sector: str
    called: tuple[str, ...]
    products: tuple[str, ...]


@dataclass(frozen=True)
class Phrases:
    """What can happen in one topic, by class (`CLASSES`): verb phrases in all forms, and noun phrases."""

    tags: tuple[str, ...]
    verbs: dict[str, tuple[dict[str, str], ...]]
    things: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Frame:
    """A clause order. `flips`: the post means the opposite of its statement; `only`: polarity that fits it, or none."""

    template: str
    flips: bool
    only: Sentiment | None


@dataclass(frozen=True)
class Words:
    """All word material. `frames` is by hard case (``""`` for none) and style: those that flip, those that do not."""

    companies: tuple[Company, ...]
    topics: dict[str, Phrases]
    frames: dict[tuple[str, Style], tuple[tuple[Frame, ...], tuple[Frame, ...]]]
    versus: dict[tuple[Sentiment, Style], tuple[str, ...]]
    openings: dict[Style, tuple[str, ...]]
    tails: dict[Style, tuple[str, ...]]
    personal: dict[Style, tuple[str, ...]]
    people: dict[str, tuple[str, ...]]
    casual: dict[str, str]
    drift: dict[str, str]
    hashtags: tuple[str, ...]


STYLES: tuple[Style, Style] = ("formal", "casual")
HARD_CASES = ("negation", "mixed", "quotation", "sarcasm", "two_companies", "typo")


def _read(name: str) -> dict[str, Any]:
    content = yaml.safe_load((files("loopbook.simulation") / "words" / f"{name}.yaml").read_text(encoding="utf-8"))
    return dict(content)


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line for line in block.splitlines() if line)


def _cells(block: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ", maxsplit=2)] for line in _lines(block)]


def _verb_phrase(line: str) -> dict[str, str]:
    verb, _, rest = line.partition(" ")
    return {form: f"{text} {rest}" for form, text in verb_forms(verb)._asdict().items()}


def _topic(content: dict[str, Any]) -> Phrases:
    return Phrases(
        tags=tuple(content["tags"]),
        verbs={name: tuple(_verb_phrase(line) for line in _lines(content[name])) for name in CLASSES.values()},
        things={name: _lines(content[f"{name}_thing"]) for name in ("bad", "nuisance", "good", "nice")},
    )


def _frame(line: str, flips: bool) -> Frame:
    only: Sentiment | None = {"+ ": "positive", "- ": "negative"}.get(line[:2])  # type: ignore[assignment]
    return Frame(line[2:] if only else line, flips, only)


def _frames(content: dict[str, Any]) -> dict[tuple[str, Style], tuple[tuple[Frame, ...], tuple[Frame, ...]]]:
    frames: dict[tuple[str, Style], tuple[tuple[Frame, ...], tuple[Frame, ...]]] = {}
    for kind in ("plain", "negation", "mixed", "quotation", "sarcasm", "two_companies"):
        for style in STYLES:
            turned, straight = (
                tuple(_frame(line, name == "flip") for line in _lines(content[kind].get(name, {}).get(style, "")))
                for name in ("flip", "same")
            )
            frames["" if kind == "plain" else kind, style] = (turned, straight)
    return frames


@functools.cache
def words() -> Words:
    """Return the word material; read from disk once."""
    content, trade, slang = _read("frames"), _read("companies"), _read("slang")
    sectors = {name: (tuple(of["called"]), tuple(of["products"])) for name, of in trade["sectors"].items()}
    two = content["two_companies"]
    outcomes: tuple[tuple[Sentiment, str], ...] = (("negative", "versus_lose"), ("positive", "versus_win"))
    return Words(
        companies=tuple(Company(name, ticker, s, *sectors[s]) for name, ticker, s in _cells(trade["companies"])),
        topics={name: _topic(of) for name, of in _read("events").items()},
        frames=_frames(content),
        versus={(sentiment, style): _lines(two[key][style]) for sentiment, key in outcomes for style in STYLES},
        openings={style: _lines(content["openings"][style]) for style in STYLES},
        tails={style: _lines(content["tails"][style]) for style in STYLES},
        personal={style: _lines(block) for style, block in _read("personal").items() if style in STYLES},
        people={name: tuple(of) for name, of in _read("people").items()},
        casual={cells[0]: cells[1] for cells in _cells(slang["casual"])},
        drift={cells[0]: cells[1] for cells in _cells(slang["drift"])},
        hashtags=tuple(content["hashtags"]),
    )
