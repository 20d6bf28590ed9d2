"""A deterministic uniform number from a hash: the same draw for the same text on every machine."""

from __future__ import annotations

import hashlib


def coin(text: str) -> float:
    """Return a uniform number in [0, 1): the first eight bytes of the text's SHA-256."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
