"""From what a post must say to its words.

A post is an opening, a clause order (`frames`), tails and hashtags. What decides its meaning is one statement, `a`;
hard cases add a second one of the opposite polarity, or turn `a` round. So a label follows from how the post was built.
"""

import re
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from loopbook.simulation import numbers, personal
from loopbook.simulation.surface import capital, finish, join
from loopbook.simulation.template import write
from loopbook.simulation.vocabulary import CLASSES, OPPOSITE, Company, Frame, Sentiment, Style, words

_ARTICLE = re.compile(r"^(?:an?|the) ")
_OPENING = {"formal": 0.45, "casual": 0.42}
_TAIL = {"formal": 0.5, "casual": 0.42}
_SECOND_TAIL = 0.25
_HASHTAG = {"formal": 0.08, "casual": 0.38}
_SHORTEST = 8
_FRAME_SKEW = 2.2  # clause orders early in their list are more common: this power of an even roll chooses
_PEOPLE = {
    "place": "places",
    "regulator": "regulators",
    "month": "months",
    "weekday": "weekdays",
    "src": "sources",
    "analyst": "analysts",
}
"""Slots that are filled from a list of words, with the list's name."""
_FLIPPED = 0.55  # where a case can be told with and without turning its statement round


@dataclass(frozen=True)
class Brief:
    """What a post must say, and in which form.

    `sentiment` and `material` are the post's meaning for `company`. `hard_case` is one of
    `vocabulary.HARD_CASES`, or empty. `new_words` is the share of old words that the change of vocabulary replaces.
    """

    company: Company
    rival: Company
    topic: str
    sentiment: Sentiment
    material: bool
    style: Style
    hard_case: str = ""
    new_words: float = 0.0
    personal_data: bool = False


class Draft(NamedTuple):
    """A written post: its text, the topics it touches, and the personal data in it as (kind, value)."""

    text: str
    topics: tuple[str, ...]
    personal_data: tuple[tuple[str, str], ...]


class _Statement(NamedTuple):
    topic: str
    of: str  # name of the phrase list
    about: Company


class _Page:
    """The state of one post while it is written: fills the slots of its templates."""

    def __init__(self, rng: Random, brief: Brief, statements: dict[str, _Statement]) -> None:
        self.rng, self.brief, self.statements = rng, brief, statements
        self.person = f"{rng.choice(words().people['first'])} {rng.choice(words().people['last'])}"
        self.about = brief.company
        self.named = False
        self.personal_data: list[tuple[str, str]] = []

    def fill(self, name: str) -> str:
        """Return what stands for the slot `name`."""
        if name.endswith(".cap"):
            return capital(self.fill(name[:-4]))
        head, _, form = name.partition(".")
        if form:
            return self._statement(self.statements[head], form)
        if name in numbers.MAKERS:
            return numbers.MAKERS[name](self.rng)
        if name in personal.MAKERS:
            value = personal.MAKERS[name](self.rng, self.person)
            self.personal_data.append((name, value))
            return value
        if name in _PEOPLE:
            return self.rng.choice(words().people[_PEOPLE[name]])
        return self._of_company(name)

    def _statement(self, statement: _Statement, form: str) -> str:
        phrases, self.about = words().topics[statement.topic], statement.about
        if form in ("thing", "bare"):
            text = write(self.rng.choice(phrases.things[statement.of]), self.rng, self.fill)
            text = _ARTICLE.sub("", text) if form == "bare" else text
        else:
            form = "negated" if form == "not" else form
            text = write(self.rng.choice(phrases.verbs[statement.of])[form], self.rng, self.fill)
        self.about = self.brief.company
        return text

    def _of_company(self, name: str) -> str:
        company = self.brief.company
        match name:
            case "co" | "Co":
                return self._named()
            case "it":
                return self._it()
            case "tick":
                self.named = True
                full = self.brief.style == "formal" and self.rng.random() < 0.5
                return f"{company.name} (${company.ticker})" if full else f"${company.ticker}"
            case "product":
                return self.rng.choice(self.about.products)
        return {"rival": self.brief.rival.name, "person": self.person, "sector": company.sector}[name]

    def _named(self) -> str:
        company, roll = self.brief.company, self.rng.random()
        if self.named and roll < 0.5:
            return self._it()
        self.named = True
        if self.brief.style == "casual":
            return f"${company.ticker}" if roll < 0.6 else company.name
        if roll < 0.6:
            return company.name
        return f"{company.name} (${company.ticker})" if roll < 0.85 else f"${company.ticker}"

    def _it(self) -> str:
        return self.rng.choice((*self.brief.company.called, "the company"))


def compose(rng: Random, brief: Brief) -> Draft:
    """Write one post.

    Parameters
    ----------
    rng
        Source of all choices.
    brief
        What the post must say. A neutral post can be plain, misspelt or name two companies; other hard cases need
        a polarity to play with.

    Returns
    -------
    Draft
        The text and what is in it.

    Raises
    ------
    ValueError
        If the hard case does not suit a neutral post.
    """
    lexicon = words()
    if brief.sentiment == "neutral" and brief.hard_case not in ("", "typo", "two_companies"):
        raise ValueError(f"a neutral post cannot be a case of {brief.hard_case!r}; use '', 'typo' or 'two_companies'")
    frame = _frame(rng, brief)
    statements = {"a": _decisive(brief, frame), "b": _other(rng, brief)}
    page = _Page(rng, brief, statements)
    topics: tuple[str, ...] = (brief.topic,)
    opening = (
        write(rng.choice(lexicon.openings[brief.style]), rng, page.fill) if rng.random() < _OPENING[brief.style] else ""
    )
    core = write(frame.template, rng, page.fill)
    if "{b." in frame.template:
        topics = tuple(dict.fromkeys((brief.topic, statements["b"].topic)))
    text = join(opening, core, brief.style)
    tails = (rng.random() < _TAIL[brief.style]) + (rng.random() < _SECOND_TAIL)
    while tails > 0 or len(text.split()) < _SHORTEST:
        text = join(text, write(rng.choice(lexicon.tails[brief.style]), rng, page.fill), brief.style)
        tails -= 1
    text = finish(rng, text, brief.style, brief.hard_case == "typo", brief.new_words)
    if brief.personal_data:
        text = join(text, write(rng.choice(lexicon.personal[brief.style]), rng, page.fill), brief.style)
    if rng.random() < _HASHTAG[brief.style]:
        pool = (*lexicon.topics[brief.topic].tags, *lexicon.hashtags)
        text += "".join(f" #{tag}" for tag in rng.sample(pool, rng.randint(1, 3)))
    return Draft(text, topics, tuple(page.personal_data))


def _frame(rng: Random, brief: Brief) -> Frame:
    lexicon = words()
    kind = "" if brief.hard_case == "typo" else brief.hard_case
    if (
        kind == "two_companies"
        and brief.topic in ("contracts", "litigation")
        and brief.material
        and brief.sentiment != "neutral"
    ):
        return Frame(rng.choice(lexicon.versus[brief.sentiment, brief.style]), False, None)
    turned, straight = lexicon.frames[kind, brief.style]
    while True:
        frames = turned if turned and rng.random() < _FLIPPED else straight
        frame = frames[int(len(frames) * rng.random() ** _FRAME_SKEW)]
        surface = OPPOSITE[brief.sentiment] if frame.flips else brief.sentiment
        has_thing = any(slot in frame.template for slot in ("{a.thing}", "{a.bare}", "{a.thing.cap}"))
        if (frame.only is None or frame.only == surface) and not (has_thing and surface == "neutral"):
            return frame


def _decisive(brief: Brief, frame: Frame) -> _Statement:
    surface = OPPOSITE[brief.sentiment] if frame.flips else brief.sentiment
    return _Statement(brief.topic, CLASSES[surface, brief.material], brief.company)


def _other(rng: Random, brief: Brief) -> _Statement:
    """The statement that does not decide: of the opposite polarity, or of any if the post is neutral."""
    polarity = OPPOSITE[brief.sentiment]
    if polarity == "neutral":
        polarity = rng.choice(("negative", "positive"))
    topic = rng.choice(tuple(words().topics))
    about = brief.rival if brief.hard_case == "two_companies" else brief.company
    return _Statement(topic, CLASSES[polarity, rng.random() < 0.6], about)
