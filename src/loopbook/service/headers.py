"""Security headers of every answer: it is data, never a page, for nobody but who asked, and kept by no cache."""

Headers = list[tuple[bytes, bytes]]

STRICT: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
ENCRYPTED: Headers = [(b"strict-transport-security", b"max-age=31536000")]
"""Beside them where the connection is encrypted: browsers shall not try another way for a year."""


def strict(encrypted: bool) -> Headers:
    """Return the headers of every answer."""
    return STRICT + ENCRYPTED if encrypted else STRICT
