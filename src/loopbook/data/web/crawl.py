"""The crawl: from start pages along links and sitemaps, nearest first, as robots.txt and the budget allow."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from protego import Protego

from loopbook.data.web import addresses, pages, sitemaps
from loopbook.data.web.addresses import Scope, host
from loopbook.data.web.asking import AGENT, Answer, Asking, sent_away
from loopbook.data.web.journal import Journal
from loopbook.data.web.visits import MOVED, PAGE, Found, Outcome, Visit

Told = Callable[[int, int, int, float], None]
"""Hears of each page: pages asked for, addresses that wait, bytes, seconds a page."""

_AT_ONCE = 8  # hosts
_ROBOTS = 512 << 10  # bytes of a robots.txt that are read (RFC 9309 asks for 500 KiB)
_KNOWN = 20  # addresses that a crawl may know for each page of its budget
_HOPS = 5  # redirects one after another
_SILENT = 5  # pages without an answer, or refused as too many, in turn, after which a host is left alone
_BUSY = (0, 429, 503)
_HTML = ("text/html", "application/xhtml+xml")
_UNREACHABLE = "robots-unreachable"


@dataclass(frozen=True)
class Plan:
    """What a crawl is to do.

    Attributes
    ----------
    start
        Addresses in canonical form; of feeds, whose entries are not followed, if `feeds`.
    scope
        Which addresses may be visited.
    depth, pages, bytes, alike
        Links to follow; pages to ask for; bytes of all together; addresses of one pattern that lead to each other.
    page_bytes, pace
        Longest page; seconds between two requests to a host, unless robots.txt asks for more.
    """

    start: tuple[str, ...]
    scope: Scope
    feeds: bool = False
    depth: int = 0
    pages: int = 1_000
    bytes: int = 500_000_000
    alike: int = 300
    page_bytes: int = 2_000_000
    pace: float = 1.0
    sitemaps: bool = False


@dataclass(frozen=True)
class _Rules:
    """What a host's robots.txt says: why nothing may be asked for, if so, and how fast."""

    robots: Protego | None = None
    closed: tuple[str, str] | None = None
    delay: float = 0.0

    def forbid(self, address: str) -> tuple[str, str] | None:
        """Return reason and detail if an address must not be asked for."""
        if self.closed or self.robots is None or self.robots.can_fetch(address, AGENT):
            return self.closed
        return "forbidden", "robots.txt forbids it"


def crawl(journal: Journal, plan: Plan, asking: Asking, told: Told) -> int:
    """Visit what a plan asks for, go on with a crawl that was not finished, and return its number.

    Raises
    ------
    KeyboardInterrupt
        As it comes; what was visited is in the journal.
    """
    number, _ = journal.open_crawl()
    journal.begin(number, tuple(Found(address, "feed" if plan.feeds else "page") for address in plan.start))
    work = _Crawl(journal, plan, asking, number)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="crawl") as pool:
        try:
            for _ in work.run(pool):
                told(work.pages, journal.waiting(number), work.bytes, work.seconds)
        except BaseException:
            asking.stop()
            raise
    return number


class _Crawl:
    """The state of one crawl in this process; everything that lasts is in the journal."""

    def __init__(self, journal: Journal, plan: Plan, asking: Asking, number: int) -> None:
        self.journal, self.plan, self.asking, self.number = journal, plan, asking, number
        self.pages, self.bytes = journal.spent(number)
        self._before, self._began = self.pages, time.monotonic()
        self._rules: dict[str, _Rules] = {}
        self._silent: dict[str, int] = {}

    @property
    def seconds(self) -> float:
        """Seconds a page, since this process began."""
        return (time.monotonic() - self._began) / max(1, self.pages - self._before)

    def run(self, pool: ThreadPoolExecutor) -> Iterator[Visit]:
        """Yield each visit once it is in the journal."""
        asked: dict[Future[Outcome], Visit] = {}
        while True:
            while len(asked) < _AT_ONCE and (visit := self._next(asked)):
                asked[pool.submit(self._visit, visit, self._known(visit))] = visit
            if not asked:
                return
            for done in wait(asked, return_when=FIRST_COMPLETED).done:
                visit = asked.pop(done)
                self._note(visit, done.result())
                yield visit

    def _next(self, asked: dict[Future[Outcome], Visit]) -> Visit | None:
        """Return the next visit on a host that is not busy; none if the budget is spent with what is under way."""
        under_way = sum(visit.kind in ("page", "feed") for visit in asked.values())
        if self.pages + under_way >= self.plan.pages or self.bytes >= self.plan.bytes:
            return None
        return self.journal.next(self.number, {host(visit.address) for visit in asked.values()})

    def _known(self, visit: Visit) -> Visit | None:
        """Return the last visit, so that only what has changed is sent; its content is still there."""
        if visit.kind != "robots" and host(visit.address) not in self._rules:
            found = self.journal.robots(self.number, host(visit.address))
            self._rules[host(visit.address)] = _rules(found, self.journal) if found else _Rules()
        return self.journal.before(self.number, visit.address, visit.kind)

    def _visit(self, visit: Visit, known: Visit | None) -> Outcome:
        """Ask for one address; runs in a thread of the host's, and touches neither journal nor state."""
        pace, own = self.plan.pace, host(visit.address)
        if visit.kind == "robots":
            return _outcome(self.asking.follow(visit.address, pace, _ROBOTS))
        rules = self._rules[own]
        if problem := rules.forbid(visit.address):
            return Outcome(problem[0], detail=problem[1])
        if self._silent.get(own, 0) >= _SILENT:
            return Outcome("error", detail=f"not asked for: {own} did not answer, or asked to be left alone")
        kinds = _HTML if visit.kind == "page" else ()
        limit = sitemaps.LARGEST if visit.kind == "sitemap" else self.plan.page_bytes
        answer = self.asking.get(visit.address, max(pace, rules.delay), limit, known.headers if known else None, kinds)
        return _outcome(answer)

    def _note(self, visit: Visit, outcome: Outcome) -> None:
        """Write down what came, with all that it leads to."""
        own = host(visit.address)
        if visit.kind == "robots":
            self._rules.pop(own, None)
        elif outcome.state != "error" or outcome.status not in _BUSY:
            self._silent.pop(own, None)
        else:
            self._silent[own] = _SILENT if sent_away(outcome.headers) else self._silent.get(own, 0) + 1
        if outcome.state == PAGE and outcome.status == 304:
            known = self.journal.before(self.number, visit.address, visit.kind)
            if known and known.sha256:  # as it was: with the headers of the time when it came
                body = self.journal.body(known.sha256)[0]
                outcome = replace(outcome, body=body, headers={**known.headers, **outcome.headers})
        outcome = self._led(visit, outcome)
        self.journal.note(self.number, visit, outcome, _KNOWN * self.plan.pages, self.plan.alike)
        if visit.kind in ("page", "feed") and outcome.state not in ("forbidden", _UNREACHABLE):
            self.pages += 1
            self.bytes += outcome.size

    def _led(self, visit: Visit, outcome: Outcome) -> Outcome:
        """Return an outcome with the addresses that it leads to."""
        if visit.kind == "robots":
            return replace(outcome, found=tuple(self._sitemaps(visit, outcome)))
        if outcome.state == MOVED:
            return self._moved(visit, outcome)
        if outcome.state != PAGE or visit.kind == "feed":
            return outcome
        if visit.kind == "sitemap":
            try:
                listed = sitemaps.read(outcome.body)
            except sitemaps.Unreadable as error:
                left = {"sitemaps that cannot be read": 1}
                return replace(outcome, state="unreadable", body=b"", detail=str(error), left=left)
            more = [Found(address, "sitemap") for address in self._canonical(listed.sitemaps, visit.address)]
            found = [Found(address, depth=1) for address in self._canonical(listed.pages, visit.address)]
            kept = [new for new in found if self.plan.scope.holds(new.address) and addresses.is_page(new.address)]
            return replace(outcome, found=(*more, *kept))
        links = pages.links(outcome.body, outcome.headers, visit.address)
        inside = [address for address in links if self.plan.scope.holds(address) and addresses.is_page(address)]
        if visit.depth >= self.plan.depth:
            new = len(set(inside) - {visit.address})
            return replace(outcome, left={"links below depth": new} if new else {})
        lineage = tuple(dict.fromkeys((*visit.lineage, addresses.pattern(visit.address))))
        found = [Found(address, depth=visit.depth + 1, lineage=lineage) for address in inside]
        return replace(outcome, found=tuple(found))

    def _canonical(self, written: tuple[str, ...], base: str) -> list[str]:
        known = filter(None, (addresses.canonical(address, base) for address in written))
        return [address for address in known if self.plan.scope.same_site(address)]

    def _sitemaps(self, visit: Visit, outcome: Outcome) -> Iterator[Found]:
        if not self.plan.sitemaps:
            return
        named = tuple(Protego.parse(_text(outcome.body)).sitemaps) if outcome.state == PAGE else ()
        for address in self._canonical(named or ("/sitemap.xml",), visit.address):
            yield Found(address, "sitemap")

    def _moved(self, visit: Visit, outcome: Outcome) -> Outcome:
        """Return where a redirect leads to as a visit of its own, which robots.txt and the scope are asked for."""
        target = addresses.canonical(outcome.headers.get("location", ""), visit.address)
        if target is None:
            return replace(outcome, state="error", detail="a redirect to nowhere")
        if visit.hops >= _HOPS:
            return replace(outcome, state="error", detail=f"more than {_HOPS} redirects one after another")
        if not self.plan.scope.same_site(target):
            said = f"leads to {host(target)}, which is another host; source.start may name it"
            return replace(outcome, state="other-host", detail=said)
        if visit.depth and not self.plan.scope.holds(target):
            return replace(outcome, state="outside", detail=f"leads to {target}, which is outside of source.paths")
        found = Found(target, visit.kind, visit.depth, visit.hops + 1, visit.lineage)
        return replace(outcome, detail=target, found=(found,))


def _outcome(answer: Answer) -> Outcome:
    if answer.problem:
        return Outcome(answer.problem[0], answer.status, answer.headers, size=answer.size, detail=answer.problem[1])
    state = MOVED if answer.moved else PAGE if answer.status in (200, 304) else "error"
    detail = "" if state != "error" else f"the server answered {answer.status}"
    return Outcome(state, answer.status, answer.headers, answer.body, answer.size, detail)


def _rules(visit: Visit, journal: Journal) -> _Rules:
    """Return what a robots.txt says (RFC 9309): all is open if there is none, and nothing if it cannot be had."""
    if visit.state == PAGE:
        robots = Protego.parse(_text(journal.body(visit.sha256)[0] if visit.sha256 else b""))
        rate = robots.request_rate(AGENT)
        paced = rate.seconds / max(1, rate.requests) if rate else 0.0
        return _Rules(robots, delay=max(float(robots.crawl_delay(AGENT) or 0), paced))
    if visit.state == "private-address":
        return _Rules(closed=(visit.state, visit.detail))
    if (400 <= visit.status < 500 and visit.status != 429) or visit.state == MOVED:
        return _Rules()
    return _Rules(closed=(_UNREACHABLE, f"robots.txt could not be had ({visit.detail}), so nothing is asked for"))


def _text(robots: bytes) -> str:
    return robots.decode("utf-8-sig", "replace")
