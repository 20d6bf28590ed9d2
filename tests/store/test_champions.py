"""A kept model stays what it was, is kept once, and is missed by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbook.scenario.errors import MissingInput
from loopbook.store import champions, content
from loopbook.store.project import Project


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    content.save({"weights": [1.0, 2.0]}, folder / "model")
    return folder


def test_a_kept_model_is_found_by_its_content_after_the_store_has_forgotten_it(project: Project, model: Path) -> None:
    digest = champions.keep(project, model)
    content.remove(model)
    found = champions.find(project, digest)
    assert content.load(found / "model.json") == {"weights": [1.0, 2.0]}
    assert champions.keep(project, found) == digest
    assert [path.name for path in found.parent.iterdir()] == [digest]


def test_a_model_that_is_missing_or_was_changed_is_refused(project: Project, model: Path) -> None:
    with pytest.raises(MissingInput, match="missing or was changed"):
        champions.find(project, "abc")
    digest = champions.keep(project, model)
    content.save({"weights": [9.0]}, champions.find(project, digest) / "model")
    with pytest.raises(MissingInput, match=digest[:12]):
        champions.find(project, digest)
