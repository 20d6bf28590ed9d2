"""Templates: strings with choices ``[a|b]`` and slots ``{name}``, parsed once and written out many times."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_TOKEN = re.compile(r"\[([^\]]*)\]|\{([a-zA-Z_.]+)\}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that is filled in when the template is written."""

    name: str


Part = str | Slot | tuple["Template", ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal text, slots, and choices between templates."""

    parts: tuple[Part, ...]

    def write(self, rng: Random, fill: Callable[[str], str]) -> str:
        """Return the text with a random choice made at each ``[a|b]`` and each slot filled by `fill`."""
        out: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, Slot):
                out.append(fill(part.name))
            else:
                out.append(rng.choice(part).write(rng, fill))
        return "".join(out)

    @property
    def slots(self) -> frozenset[str]:
        """Names of all slots, those inside choices too."""
        names: set[str] = set()
        for part in self.parts:
            if isinstance(part, Slot):
                names.add(part.name)
            elif isinstance(part, tuple):
                names.update(*(choice.slots for choice in part))
        return frozenset(names)


def parse(text: str) -> Template:
    """Parse one template.

    Parameters
    ----------
    text
        Text in which ``[a|b]`` is a choice (not nested; its branches may hold slots) and ``{name}`` a slot.
    """
    parts: list[Part] = []
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() > at:
            parts.append(text[at : match.start()])
        choices, slot = match.groups()
        parts.append(Slot(slot) if slot else tuple(parse(branch) for branch in choices.split("|")))
        at = match.end()
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))
