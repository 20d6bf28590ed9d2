"""Templates: strings with choices ``[a|b]``, which are not nested, and slots ``{name}``, also inside choices."""

import re
from collections.abc import Callable
from random import Random

_MARK = re.compile(r"\[([^\]]*)\]|\{([a-zA-Z_.]+)\}")


def write(template: str, rng: Random, fill: Callable[[str], str]) -> str:
    """Return the text with a random choice made at each ``[a|b]`` and each slot filled by `fill`."""

    def written(mark: re.Match[str]) -> str:
        choices, slot = mark.groups()
        return fill(slot) if slot else write(rng.choice(choices.split("|")), rng, fill)

    return _MARK.sub(written, template)
