"""Character encodings, told from a file's bytes: by charset-normalizer, and by their letters where they are Latin."""

import codecs
import re
from collections.abc import Iterable

_LATIN = {
    "cp1252": "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßœ€£§°«»“”‘’„‚–—…•¿¡·²ºª½®©™",
    "cp1254": "ğıİşçöüâîû€“”‘’–—…",
    "cp1250": "ąćčďęěéłńňóőöôřśšťúůüűýźžżáâăäîíţşđßçë€§°«»“”‘’„‚–—…•",
    "iso8859_2": "ąćčďęěéłńňóőöôřśšťúůüűýźžżáâăäîíţşđßçë§°",
    "cp1257": "āčēėęģīįķļņšūųžäöõü€„“”–—…",
}
"""The letters and signs, in lower case, that are frequent in the languages for which a code page was made."""

_OTHERS = (
    *("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "tis_620", "gb18030", "big5", "cp932", "euc_jp"),
    *("cp949",),
)
_CLOSE = 0.1  # by which another encoding may be less fitting, and still be shown
_SAMPLE = 65_536
_FREQUENT = 0.8  # share of frequent letters from which a text is taken for Latin
_IN_WORD = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{1,2}(?=[A-Za-z])")
_SINGLE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")


def likely(content: bytes) -> tuple[str, ...]:
    """Return the encodings that the bytes speak for, the likeliest first; several where they read differently."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if content.count(b"\0") > len(content) // 10:
        return ("utf-16-le",)
    if _decodes(content, "utf-8"):
        return ("utf-8",)
    # Only lines with other than plain characters tell anything.
    telling = b"\n".join(line for line in content.split(b"\n") if not line.isascii())[:_SAMPLE]
    telling = telling[: telling.rfind(b"\n")] if len(telling) == _SAMPLE and b"\n" in telling else telling
    ranked = _latin(telling) or _other(telling)
    fitting = [encoding for encoding in (*ranked, "cp1252", "latin-1") if _decodes(content, encoding)]
    return tuple(dict.fromkeys(encoding for encoding in fitting if encoding in ranked)) or (fitting[0],)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _latin(telling: bytes) -> list[str]:
    """Return the Latin encodings by the share of letters that are frequent where they are used; none: it is not Latin.

    Latin words have their other letters among plain ones, one or two at a time.
    """
    high = len(re.findall(rb"[\x80-\xff]", telling))
    single = len(_SINGLE.findall(telling))
    if max(single, sum(map(len, _IN_WORD.findall(telling)))) < 0.5 * high:
        return []
    shares: dict[str, float] = {}
    texts: dict[str, str] = {}
    for encoding, letters in _LATIN.items():
        text = telling.decode(encoding, "replace")
        others = [each for each in text if ord(each) > 127]
        frequent = sum(each in letters or each.lower() in letters for each in others)
        shares[encoding] = frequent / max(1, len(others))
        texts.setdefault(text, encoding)
    if max(shares.values()) < _FREQUENT:
        return []
    return _close((-shares[encoding], encoding) for encoding in texts.values())


def _other(telling: bytes) -> list[str]:
    """Return the other encodings by charset-normalizer's measures of chaos and of likeness to a language."""
    from charset_normalizer import from_bytes

    found = from_bytes(telling, cp_isolation=list(_OTHERS))
    return _close([(match.chaos - match.coherence, match.encoding) for match in found])


def _close(scored: Iterable[tuple[float, str]]) -> list[str]:
    ranked = sorted(scored, key=lambda pair: pair[0])
    return [encoding for score, encoding in ranked if score <= ranked[0][0] + _CLOSE]
