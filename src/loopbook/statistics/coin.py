"""A coin from a hash: a number that belongs to a text, the same on every machine and whatever else is drawn."""

import hashlib


def coin(text: str) -> float:
    """Return a number in [0, 1), uniform over texts: the first 64 bits of the text's SHA-256."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
