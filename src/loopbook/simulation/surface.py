"""The surface of a text: how sentences are joined, casual spelling, slips of the keyboard, and the words of the day."""

import functools
import re
from random import Random

from loopbook.simulation.template import write
from loopbook.simulation.vocabulary import Style, words

_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[$€]?(?:8|1[18]\b(?!\.)))")  # "an $80 fine", "an 11-hour outage"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LOWER, _EMOJI, _SLIP = 0.6, 0.18, 0.25  # shares of casual posts
_EMOJIS = ("👀", "🤔", "☕", "🍿", "🧐", "📰", "🙃")


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def join(before: str, after: str, style: Style) -> str:
    """Return two pieces of a post as one; formal posts begin sentences with a capital."""
    if not before:
        return capital(after) if style == "formal" else after
    if style == "formal" and before[-1] not in ":,":
        return f"{before} {capital(after)}"
    if style == "casual" and before[-1] not in ":,.?!" and len(before.split()) > 3:
        return f"{before}. {after}"
    return f"{before} {after}"


@functools.cache
def _any_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)


def renew(rng: Random, text: str, share: float) -> str:
    """Return the text with this share of its old words replaced by what the change of vocabulary brings."""
    new = words().drift
    return _any_of(tuple(new)).sub(lambda old: new[old[0].lower()] if rng.random() < share else old[0], text)


def finish(rng: Random, text: str, style: Style, misspelt: bool, new_words: float) -> str:
    """Return the text with its style's surface.

    Parameters
    ----------
    rng
        Source of all choices.
    text
        What the grammar wrote.
    style
        Casual texts get slang, often lower case, sometimes a slip.
    misspelt
        Whether the text is to be full of slips.
    new_words
        Share of old words to replace.
    """
    text = _BEFORE_VOWEL.sub(r"\1n ", text)
    if new_words:
        text = renew(rng, text, new_words)
    if style == "casual":
        slang = words().casual
        text = _any_of(tuple(slang)).sub(lambda old: write(slang[old[0].lower()], rng, str), text)
        if rng.random() < _LOWER:
            text = text.lower()
        if rng.random() < _EMOJI:
            text = f"{text} {rng.choice(_EMOJIS)}"
    if misspelt:
        return misspell(rng, text, rng.randint(3, 5))
    return misspell(rng, text, 1) if style == "casual" and rng.random() < _SLIP else text


def misspell(rng: Random, text: str, slips: int) -> str:
    """Return the text with slips of the keyboard in up to `slips` of its longer words (never in tickers or numbers)."""
    parts = text.split(" ")
    places = [at for at, word in enumerate(parts) if len(word) > 3 and word.isalpha()]
    for at in rng.sample(places, min(slips, len(places))):
        word, spot = parts[at], rng.randint(1, len(parts[at]) - 2)
        swap = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
        drop = word[:spot] + word[spot + 1 :]
        double = word[:spot] + word[spot] + word[spot:]
        other = word[:spot] + rng.choice(_LETTERS) + word[spot + 1 :]
        parts[at] = rng.choice((swap, drop, double, other))
    return " ".join(parts)
