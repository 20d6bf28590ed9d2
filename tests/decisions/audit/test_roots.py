from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.decisions.audit import writing

from loopbook.decisions.audit import root_key, roots
from loopbook.decisions.audit.entry import LogError
from loopbook.store.project import Project


@pytest.fixture
def secure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("auditor") / "key"


def test_a_key_is_made_once_outside_the_project_and_read_by_its_owner_only(
    place: Project, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert root_key.place(place) is None
    monkeypatch.setenv(root_key.ADDRESS, str(secure))
    with pytest.raises(LogError, match=f"audit key {secure}"):
        root_key.place(place)
    root_key.make(place, secure)
    assert secure.stat().st_mode & 0o777 == 0o600
    assert len(root_key.read(root_key.place(place) or secure)) == 32
    with pytest.raises(LogError, match="is there already"):
        root_key.make(place, secure)
    secure.chmod(0o640)
    with pytest.raises(LogError, match=f"chmod 600 {secure}"):
        root_key.place(place)
    secure.chmod(0o600)
    secure.parent.chmod(0o777)
    with pytest.raises(LogError, match="could replace the key"):
        root_key.place(place)


def test_a_key_that_the_log_could_reach_is_refused(
    place: Project, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for inside in (place.root / "key", place.data / "state" / "key"):
        with pytest.raises(LogError, match="Keep the key elsewhere"):
            root_key.make(place, inside)
    secure.symlink_to(place.root / "key")
    monkeypatch.setenv(root_key.ADDRESS, str(secure))
    with pytest.raises(LogError, match="Keep the key elsewhere"):
        root_key.place(place)


@pytest.mark.parametrize("text", ["", "no key", "ab" * 31, "ä" * 64])
def test_what_is_no_key_is_refused(secure: Path, text: str) -> None:
    secure.write_text(text)
    with pytest.raises(LogError, match="key"):
        root_key.read(secure)


def test_a_journal_of_roots_cannot_be_bent(
    engine: Engine, secure: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, path = b"k" * 32, roots.journal(secure)
    assert roots.read_journal(path, key) == []
    for _ in range(3):
        writing.write(engine, monkeypatch, each=10, number=1)
        before = roots.read_journal(path, key)
        roots.append(path, roots.make(engine, tmp_path / "days", 0, before[-1] if before else None, key))
    made = roots.read_journal(path, key)
    assert [root.number for root in made] == [1, 2, 3]
    assert [len(root.heads) for root in made] == [2, 4, 6]
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_text().splitlines()
    assert roots.parse(lines[1], "mail", None) == made[1]
    head = next(iter(made[1].heads))
    forged = replace(made[1], heads={**made[1].heads, head: (1, "0" * 64)})
    for bent in (
        [lines[0], forged.line, lines[2]],
        [lines[0], replace(made[1], mac=None).line, lines[2]],
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
        [lines[0], "{}", lines[2]],
        [lines[0], '{"heads":' * 10_000, lines[2]],
        lines[1:],
    ):
        path.write_text("\n".join(bent) + "\n")
        with pytest.raises(LogError, match=r"line \d"):
            roots.read_journal(path, key)
    path.write_text("\n".join(lines)[:-100])
    with pytest.raises(LogError, match="cut off"):
        roots.read_journal(path, key)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(LogError, match="not made with this key"):
        roots.read_journal(path, b"o" * 32)
