"""Pages in a real browser, from the disk with the network off: what a reader, a keyboard or a phone would run into."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE, PAPER = 1280, 390, 718
"""Widths in CSS pixels: a screen, a phone, and an A4 page between its margins."""

SEEN = """() => {
  const found = [];
  const named = e => `${e.tagName}.${e.getAttribute('class') ?? ''} ${e.textContent.trim().slice(0, 40)}`;
  if (window.ran !== undefined) found.push('a script from the data ran');
  for (const image of document.images)
    if (!image.complete || !image.naturalWidth) found.push(`broken picture ${image.src.slice(0, 80)}`);
  const all = document.documentElement.scrollWidth;
  if (all > innerWidth) found.push(`the page is ${all} wide`);
  const inBox = e => e.closest('.scroll, pre, math');
  for (const e of document.querySelectorAll('main *, nav *')) {
    if (!e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    if (['auto', 'scroll'].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0)
      found.push(`no keyboard scrolls ${named(e)}`);
    const { left, right, width } = e.getBoundingClientRect();
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (own && width > 1 && !inBox(e) && !e.closest('.unseen, .skip') && (right > innerWidth + 1 || left < -1))
      found.push(`cut off at the edge: ${named(e)}`);
  }
  for (const e of document.querySelectorAll('main svg text')) {
    const size = parseFloat(getComputedStyle(e).fontSize) * (e.getScreenCTM()?.a ?? 1);
    if (e.checkVisibility() && size < 9) found.push(`letters of ${size.toFixed(1)} px: ${named(e)}`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), part = document.createRange();
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement.closest('pre, code, svg, math')) continue;
    if (/\\d\\s%/.test(text.data)) found.push(`a blank before the sign: ${text.data.trim().slice(0, 60)}`);
    const cell = text.parentElement.closest('th, td');
    const shown = cell?.checkVisibility() && !(cell.closest('thead')?.getBoundingClientRect().width <= 1);
    if (shown && !text.parentElement.closest('.unseen'))
      for (const {0: word, index} of text.data.matchAll(/(?<!\\S)\\p{L}{2,12}(?!\\S)/gu)) {
        part.setStart(text, index);
        part.setEnd(text, index + word.length);
        if (new Set([...part.getClientRects()].map(box => Math.round(box.bottom))).size > 1)
          found.push(`a word broken in a cell: ${word} of ${named(cell)}`);
      }
    for (const {0: whole, index} of text.data.matchAll(/\\b\\d{4}-\\d\\d-\\d\\d\\b|\\d (EUR|s|min)(?!\\w)|= \\d/g)) {
      part.setStart(text, index);
      part.setEnd(text, index + whole.length);
      if (new Set([...part.getClientRects()].map(box => Math.round(box.bottom))).size > 1)
        found.push(`parted between two lines: ${whole}`);
    }
  }
  return found;
}"""
"""What goes wrong on a page that can be seen from within it."""

CONTRAST = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = colour => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const known = new Map();
  const shade = colour => { if (!known.has(colour)) { const c = rgba(colour); known.set(colour, [light(c), c[3]]); }
    return known.get(colour); };
  const paper = element => { for (let e = element; e; e = e.parentElement) {
    const [l, alpha] = shade(getComputedStyle(e).backgroundColor); if (alpha === 255) return l; } return 1; };
  const low = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = shade(element.ownerSVGElement ? style.fill : style.color)[0], back = paper(element);
    const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    const name = `${element.tagName}.${element.getAttribute('class') ?? ''} ${element.textContent.slice(0, 30)}`;
    if (ratio < 4.5) low.push(`contrast ${ratio.toFixed(2)}: ${name}`);
  }
  return low;
}"""
"""Letters that do not stand out from their paper by 4.5 to 1, drawings included. It stands for axe's rule."""


@dataclass
class Visit:
    """A browser that notes all that a page should not do: requests that leave its folder, messages, errors, dialogs."""

    browser: Any
    folder: Path
    noted: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    opened: list[Any] = field(default_factory=list)
    windows: dict[tuple[int, bool], Any] = field(default_factory=dict)

    def open(self, name: str, width: int = WIDE, dark: bool = False, scripts: bool = True) -> Any:
        """Open a page of the folder in a window of its own."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        self.opened.append(context)
        context.set_offline(True)
        context.on("request", self._request)
        context.on("requestfailed", lambda request: self.blocked.append(f"{request.url} {request.failure}"))
        page = context.new_page()
        page.on("console", lambda message: self.noted.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: (self.noted.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.noted.append(f"error: {error}"))
        page.goto((self.folder / name).as_uri())
        return page

    def faults(
        self, name: str, width: int = WIDE, dark: bool = False, axe: bool = True, paper: bool = False
    ) -> list[str]:
        """Return what is wrong with a page: what it does, what is cut off or faint, on paper too if asked, what
        axe calls serious or worse.

        Most of the time goes into axe, which may be left out where it has seen the page in another window.
        """
        page = self._window(name, width, dark)
        found = [*page.evaluate(SEEN), *page.evaluate(CONTRAST), *(grave(page) if axe else ())]
        if paper:
            if (printed := printed_width(page)) > PAPER:
                found.append(f"{printed} wide on paper")
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(media="screen")
        found += [*self.noted, *self.blocked]
        page.goto("about:blank")
        self.noted.clear()
        self.blocked.clear()
        return found

    def leave(self) -> None:
        """Close what was opened but for the windows of `faults`, and forget what was noted."""
        kept = [window.context for window in self.windows.values()]
        for context in self.opened:
            if context not in kept:
                context.close()
        self.opened[:] = kept
        self.noted.clear()
        self.blocked.clear()

    def _window(self, name: str, width: int, dark: bool) -> Any:
        """Show a page in the window of this kind: a new one for each page takes twice the processor time."""
        if (width, dark) not in self.windows:
            self.windows[width, dark] = self.open(name, width=width, dark=dark)
        else:
            self.windows[width, dark].goto((self.folder / name).as_uri())
        return self.windows[width, dark]

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.folder.resolve().as_uri(), self.folder.as_uri(), "data:image/")):
            self.noted.append(f"request: {request.url[:200]}")


def grave(page: Any) -> list[str]:
    """Return what axe finds that is serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    # Three quarters of axe's time would go into contrast, which `CONTRAST` looks at more strictly: all letters, at 4.5
    # to 1, drawings included. What axe would preload serves rules that are off.
    options = {"resultTypes": ["violations"], "preload": False, "rules": {"color-contrast": {"enabled": False}}}
    found = Axe().run(page, options=options).response["violations"]
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"axe {each['id']}: {each['nodes'][0]['html'][:200]}" for each in bad]


def printed_width(page: Any) -> int:
    """Return how wide a page is on paper, in CSS pixels; a browser shrinks it to `PAPER`, at most by half."""
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    return int(page.evaluate("document.documentElement.scrollWidth"))
