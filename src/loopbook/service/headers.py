"""Security headers: every answer is data for nobody but who asked, kept by no cache; pages say what they may load."""

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


PAGE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # else browsers hide from us that a form came from our own page
}
"""What a page for people says instead: styles, scripts and forms of our own, nothing within the page itself."""


def strict(encrypted: bool) -> Headers:
    """Return the headers of every answer."""
    return STRICT + ENCRYPTED if encrypted else STRICT
