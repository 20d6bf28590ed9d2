"""What a line of a page must not part."""

from __future__ import annotations

import pytest

from loopbook.reports.unbroken import unbroken


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Up, since 2026-04-15.", ["2026-04-15"]),
        ("2026-01-01 to 2026-03-31", ["2026-01-01", "2026-03-31"]),
        ("634.9 EUR, or 2,381 € (-1,372 to 864.8)", ["634.9 EUR", "2,381 €", "-1,372 to 864.8"]),
        ("from 28% to 45%; 0 to 8 EUR", ["28% to 45%", "0 to 8 EUR"]),
        ("in 33 s, or 2 h 3 min", ["33 s", "2 h 3 min"]),
        ("(p = 0.00082, n = 226), wanted ≥ 0.88", ["p = 0.00082", "n = 226", "≥ 0.88"]),
        ("p &lt; 0.0001", ["p &lt; 0.0001"]),
        ("20261124-031200, 2026-04-150, a2026-04-15, 3 posts, 12 hours, 03:12 UTC", []),
        ('<p title="2026-04-15">x</p><!-- 2026-04-15 --><title>2026-04-15</title>', []),
        ('<textarea name="a">from 2026-04-15 to\n3 s</textarea><select><option>2026-04-15</option></select>', []),
        ("<pre>2026-04-15</pre><code>3 s</code><svg><text>3 s</text></svg><script>3 s</script>", []),
    ],
)
def test_dates_amounts_and_ranges_are_marked(text: str, kept: list[str]) -> None:
    shown = unbroken(text)
    assert [part.partition("</span>")[0] for part in shown.split("<span class=whole>")[1:]] == kept
    assert shown.replace("<span class=whole>", "").replace("</span>", "") == text
    assert unbroken(shown) == shown


def test_no_attribute_is_ended_by_a_mark() -> None:
    assert unbroken('<p title="> 2026-04-15 onclick=x">y</p>').count('"') == 2
