"""One form for an address, whoever writes it how; only what may be visited is."""

from __future__ import annotations

import pytest

from loopbook.data.web.addresses import Scope, canonical, is_page, pattern


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("HTTP://Example.ORG:80/a/./b/../c%7e?b=2&a=1&utm_source=x#top", "http://example.org/a/c~?a=1&b=2"),
        ("https://münchen.de/straße?q=ü", "https://xn--mnchen-3ya.de/stra%C3%9Fe?q=%C3%BC"),
        ("https://example.org:443", "https://example.org/"),
        ("/x;jsessionid=ABC?sid=5&page=2", "http://base.example/x?page=2"),
        ("../y", "http://base.example/y"),
        ("//other.example/z", "http://other.example/z"),
        ("?a=", "http://base.example/dir/?a="),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://example.org./x", "http://example.org/x"),
        ("a b\n", "http://base.example/dir/a%20b"),
    ],
)
def test_equal_addresses_have_one_form(written: str, form: str) -> None:
    assert canonical(written, "http://base.example/dir/") == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    "written",
    [
        *("mailto:a@b.c", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ftp://a/"),
        *(
            "http://user:word@a.example/",
            "http://a.example:99999/",
            "http://[bad/",
            "http://a/" + "x" * 3000,
        ),
    ],
)
def test_what_is_no_page_has_no_form(written: str) -> None:
    assert canonical(written, "http://base.example/") is None


def test_addresses_that_differ_in_numbers_have_one_pattern() -> None:
    assert pattern("http://a/cal/2026/05?m=1&y=2") == pattern("http://a/cal/2027/11?y=9&m=4") == "a/cal/#/#?m&y"
    assert pattern("http://a/wiki/Ada") != pattern("http://a/wiki/Bob")


def test_a_scope_holds_hosts_with_their_port_and_beginnings_of_paths() -> None:
    scope = Scope(frozenset({"a.example"}), ("/news/", "/*/blog"), ("/news/old",))
    held = ("http://a.example/news/1", "https://a.example/en/blog/2")
    others = (
        "http://a.example/",
        "http://a.example/news/old/1",
        "http://a.example:9200/news/1",
        "http://b.example/news/1",
    )
    assert [scope.holds(address) for address in (*held, *others)] == [True] * 2 + [False] * 4


def test_pictures_and_archives_are_no_pages() -> None:
    assert not any(map(is_page, ("http://a/x.jpg", "http://a/x.PDF", "http://a/x.zip", "http://a/x.mp4")))
    assert all(
        map(is_page, ("http://a/", "http://a/x.php", "http://a/x.html", "http://a/example.com", "http://a/v1.2"))
    )
