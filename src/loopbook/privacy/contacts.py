"""Mail addresses, also spoken ones, and addresses of devices (IP, MAC) in a text."""

import ipaddress
import re
from collections.abc import Iterator

from loopbook.privacy import context

_MAIL = re.compile(
    r"(?<![\w@%+-])(?P<local>[^\W_](?:[\w.!#$%&'*+^`{|}~-]{0,62}[\w+-])?)"
    r"(?P<at>@|\s?[(\[{]\s?(?:at|@)\s?[)\]}]\s?|\s(?-i:AT)\s)"
    r"(?P<host>[^\W_](?:[^\W_]|-){0,62}(?:(?:\.|\s?[(\[{]\s?(?:dot|\.)\s?[)\]}]\s?|\s(?-i:DOT)\s)[^\W_](?:[^\W_]|-){0,62}){1,6})",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-f]{1,4}|:):[0-9a-f:]*[0-9a-f:](?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])", re.IGNORECASE
)
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9a-f]{2}(?P<gap>[:-])(?:[0-9a-f]{2}(?P=gap)){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\w:-])",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"(?<![\w@.+-])(?P<local>[a-z0-9][\w+-]*(?:(?:\.| dot )[\w+-]+){0,3}) at "
    r"(?P<host>[a-z0-9-]+(?:(?: dot |\.)[a-z0-9-]+){0,3}(?: dot |\.)(?P<ending>[a-z]{2,6}))(?![\w-])",
    re.IGNORECASE,
)
_ENDINGS = frozenset(
    re.findall(
        r"\w+",
        """
    com org net edu gov int io info biz co me ai app dev eu museum online shop uk us ca au nz in cn jp kr br
    mx ar cl de at ch fr es pt it nl be dk se no fi pl cz sk hu ro bg gr tr ru ua il za ie is lu hk tw sg my
    th id vn ph pk example
    """,
    )
)
_NOBODY = frozenset(  # what stands before 'at example dot com' without being anybody's name
    re.findall(
        r"\w+",
        """
    it me us you we him her them this that one all is are was were be been am look looks see find found buy
    bought sell sold shop online available order orders ordered more less store stores meet met work works
    worked stay offline here there out up down in on off over back right left only just now today yesterday
    free best price prices cheaper live login register visit site website page pages read post posts posted
    article news out go went sign signed code deal deals sale sales customer service complained arrived paid
    pay registered details start begin book booked them anything everything something nothing jobs
    """,
    )
)
_MAILING = re.compile(r"\b(?:e-?mails?|mail|write|reach|contact)\b", re.IGNORECASE)
_FILE_ENDINGS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "json", "xml", "html", "htm", "txt"),
        *("pdf", "csv", "zip", "md", "py", "sh", "yml", "yaml"),
    )
)


def mails(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every mail address in a text."""
    for match in _MAIL.finditer(text):
        plain = match["at"] == "@"
        ending = re.split(r"[^\w-]+", match["host"].strip("])} "))[-1].lower()
        if not plain and match["at"].strip().isalpha() and "DOT" not in match["host"]:
            continue  # 'meet AT home.today' is no address; 'jane AT example DOT org' is
        is_domain = (
            len(ending) > 1
            and (ending.startswith("xn--") or not any(map(str.isdigit, ending)))
            and ending not in _FILE_ENDINGS
        )
        repository = match["local"] == "git" and text[match.end() : match.end() + 1] == ":"
        if is_domain and not repository and ".." not in match["local"]:
            yield match.span()


def spoken(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of addresses as they are said: ``jane at example dot com``."""
    for match in _SPOKEN.finditer(text):
        around = text[max(0, match.start() - 40) : match.start()] + text[match.end() : match.end() + 30]
        spelled, name = " dot " in match["host"].lower(), match["local"].lower()
        anybody = name in _NOBODY or name.endswith(("ing", "ed")) or match["host"].lower().startswith(("the ", "a "))
        if match["ending"].lower() in _ENDINGS and not anybody and (spelled or _MAILING.search(around)):
            yield match.span()


def devices(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every MAC address in a text."""
    for match in _MAC.finditer(text):
        written = re.sub(r"\W", "", match[0]).lower()
        named = re.search(r"\bmac\b", text[max(0, match.start() - 24) : match.start()], re.IGNORECASE)
        telling = match["gap"] == ":" or not written.isdigit() or named
        if len(set(written)) > 1 and telling:
            yield match.span()


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every IP address in a text."""
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        named = (
            context.VERSION_BEFORE.search(before)
            or context.MONEY_BEFORE.search(before)
            or context.VERSION_AFTER.match(text, match.end())
        )
        # 'This network', 0.…, is never a sender.
        if _is_address(match[0]) and not match[0].startswith("0.") and not named:
            yield match.span()
    for match in _IPV6.finditer(text):
        # A single colon at the end belongs to the sentence.
        written = match[0].removesuffix(":") if not match[0].endswith("::") else match[0]
        if _is_address(written) and written.count(":") > 2 and any(map(str.isdigit, written)):
            yield match.start(), match.start() + len(written)


def _is_address(written: str) -> bool:
    try:
        return bool(ipaddress.ip_address(written))
    except ValueError:
        return False
