"""Small tables in memory, described and guessed as a file would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loopbook.starter import form, label, roles
from loopbook.starter.column import Column, describe
from loopbook.starter.document import Draft
from loopbook.starter.form import Form
from loopbook.store.project import Project

PLAIN = Form("utf-8", ",", True, ".", None, "", "", 0.0)
TODAY = datetime(2026, 6, 1, tzinfo=UTC)


def columns(table: Mapping[str, Sequence[object]], written: Form = PLAIN) -> list[Column]:
    return [describe(name, [str(value) for value in values], written) for name, values in table.items()]


def draft(table: Mapping[str, Sequence[object]], given: str | None = None) -> Draft:
    described = columns(table)
    guessed = label.guess(described, given, "table.csv")
    return Draft(
        name="agent",
        path="data/raw/table.csv",
        rows=len(described[0].values),
        form=PLAIN,
        label=guessed,
        roles=roles.assign(described, guessed, TODAY),
        by="stratum",
        by_reason="nothing else",
        shares=(0.6, 0.12, 0.12, 0.06, 0.1),
        smoke_rows=None,
        quarantine=0.05,
        lost="",
        sequence_length=64,
        vocabulary=8_000,
        longest=10_000,
    )


@pytest.fixture
def read() -> Callable[[bytes], Form]:
    return lambda content: form.read(content, "x.csv")[0]


@pytest.fixture
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project without notebooks and scenarios."""
    root = tmp_path / "project"
    (root / "notebooks" / "scenarios").mkdir(parents=True)
    for name in ("LOOPBOOK_DATA", "LOOPBOOK_REPORTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOOPBOOK_PROJECT", str(root))
    return Project(root)
