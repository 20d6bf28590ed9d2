from __future__ import annotations

from pathlib import Path

from loopbook.reports import ablation_page
from loopbook.reports.ablation_page import Page

HOSTILE = "<script>a|b\nc</script>"


def test_texts_stay_texts_in_html_and_in_markdown(tmp_path: Path) -> None:
    page = Page(HOSTILE, "tiny", "make", (HOSTILE,), ("technique", "on"), ((HOSTILE, ""),), {"loss": HOSTILE})
    html = ablation_page.write(page, tmp_path).read_text()
    assert "<script>a" not in html and html.count("&lt;script&gt;a|b") >= 3
    assert 'data-label="on">–<' in html
    ablation_page.markdown(page, tmp_path / "page.md")
    lines = (tmp_path / "page.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert r"| <script>a\|b c</script> |  |" in rows
    assert {line.replace(r"\|", "").count("|") for line in rows} == {3}
