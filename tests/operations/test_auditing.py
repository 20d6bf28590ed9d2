from __future__ import annotations

import email
import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.decisions.audit import writing
from typer.testing import CliRunner

from loopbook.cli.commands import app
from loopbook.decisions.audit import days, reader, root_key, roots
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import LogError
from loopbook.operations import auditing
from loopbook.store.project import Project

Audit = Callable[..., tuple[int, str]]


class Inbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project with a log of three days, two of which are over."""
    (tmp_path / "project" / "notebooks" / "scenarios").mkdir(parents=True)
    monkeypatch.setenv("LOOPBOOK_PROJECT", str(tmp_path / "project"))
    for name in ("LOOPBOOK_DATA", "LOOPBOOK_DATABASE", root_key.ADDRESS):
        monkeypatch.delenv(name, raising=False)
    project = Project(tmp_path / "project")
    engine = connect(project)
    with monkeypatch.context() as then:
        writing.write(engine, then, start=writing.START - timedelta(days=365))
    engine.dispose()
    return project


@pytest.fixture
def audit(log: Project) -> Audit:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["audit", *arguments])
        return done.exit_code, done.output

    return run


@pytest.fixture
def key(log: Project, audit: Audit, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("auditor") / "key"
    assert audit("key", str(path))[0] == 0
    monkeypatch.setenv(root_key.ADDRESS, str(path))
    return path


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    inbox = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    monkeypatch.setenv("LOOPBOOK_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("LOOPBOOK_SMTP_PORT", str(port))
    monkeypatch.setenv("LOOPBOOK_SMTP_SECURITY", "none")
    yield inbox
    server.stop()


def test_there_is_nothing_to_account_for_before_an_agent_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOPBOOK_DATABASE", raising=False)
    project = Project(tmp_path)
    with pytest.raises(LogError, match="no log yet"):
        auditing.opened(project)
    assert auditing.named_runs(project) == frozenset()
    assert not project.state.exists()


def test_a_root_is_kept_beside_the_key_and_anchors_the_log(log: Project, audit: Audit, key: Path) -> None:
    code, said = audit("root")
    assert code == 0
    assert [path.stem for path in sorted(days.folder(log).iterdir())] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert len(roots.journal(key).read_text().splitlines()) == 1
    code, said = audit("verify")
    assert code == 0
    assert "102 records in 6 chains (3 closed by their writers), 102 lines in the files of 3 closed days" in said
    assert "102 records. The other 0 came later" in said
    audit("root")
    assert [root.number for root in auditing.anchors(log).roots] == [1, 2]


def test_a_root_that_the_logs_writer_could_reach_is_refused(audit: Audit) -> None:
    code, said = audit("root")
    assert code == 2
    assert "audit key FILE" in said
    assert "--mail" in said


def test_a_log_that_does_not_hold_is_told_and_its_root_says_so(log: Project, audit: Audit, key: Path) -> None:
    audit("root")
    bent = days.file(days.folder(log), "2026-03-02")
    bent.write_text(bent.read_text().replace("alert", "ignore"))
    code, said = audit("verify")
    assert code == 1
    assert "2026-03-02.jsonl line 4 (chain" in said
    assert "The log does not hold: 27 problems." in said
    assert audit("root")[0] == 1
    assert [root.problems for root in auditing.anchors(log).roots] == [0, 27]


def test_a_root_is_mailed_and_the_log_held_against_it(
    log: Project, audit: Audit, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit("root", "--mail", "ann@example.org")[0] == 0
    (mail,) = inbox.mails
    message = email.message_from_bytes(mail.content)
    assert "it holds" in str(message["Subject"])
    (attached,) = [part for part in message.walk() if part.get_filename()]
    saved = tmp_path / "summary.json"
    saved.write_bytes(attached.get_payload(decode=True))
    assert "102 records. The other 0 came later" in audit("verify", "--root", str(saved))[1]
    engine = auditing.opened(log)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM log_records WHERE seq > 10")
        connection.exec_driver_sql("DELETE FROM log_payloads WHERE seq > 10")
    for path in days.folder(log).iterdir():
        path.unlink()
    assert audit("verify")[0] == 0
    code, said = audit("verify", "--root", str(saved))
    assert code == 1
    assert "gone from the chain's end" in said
    assert "2026-03-02.jsonl is gone" in said
    saved.write_text('{"heads": 1}')
    assert "is no root" in audit("verify", "--root", str(saved))[1]


def test_a_journal_that_was_cut_is_found_from_a_mail(
    log: Project, audit: Audit, key: Path, inbox: Inbox, tmp_path: Path
) -> None:
    audit("root")
    audit("root", "--mail", "ann@example.org")
    journal = roots.journal(key)
    lines = journal.read_text().splitlines(keepends=True)
    saved = tmp_path / "summary.json"
    saved.write_text(lines[1])
    assert audit("verify", "--root", str(saved))[0] == 0
    journal.write_text(lines[0])
    assert audit("verify")[0] == 0
    code, said = audit("verify", "--root", str(saved))
    assert code == 2
    assert "the journal was cut" in " ".join(said.split())


def test_an_account_of_a_decision(log: Project, audit: Audit, key: Path) -> None:
    engine = auditing.opened(log)
    feedback = next(reader.entries(engine, "tiny", kinds=["feedback"]))
    id = feedback.facts["decision_id"]
    code, said = audit("show", id)
    assert code == 0
    for part in ("alert", "Dear.", "model mmmmmmmm", "Füße", f"Feedback {feedback.id}", "No.", "by no root yet"):
        assert part in said
    audit("root")
    assert "by the root of" in audit("show", id)[1]
    assert audit("show", feedback.id)[1].startswith(f"Feedback {feedback.id}")
    code, said = audit("forget", id, "--by", "ann")
    assert "Forgotten: 2 payloads in the database, 2 in 2026-03-01.jsonl." in said
    said = audit("show", id)[1]
    assert "Füße" not in said
    assert "by ann; it had the salted digest" in said
    assert audit("verify")[0] == 0
    assert audit("show", "nobody")[0] == audit("forget", "nobody")[0] == 2


def test_who_decided_at_a_moment(log: Project, monkeypatch: pytest.MonkeyPatch, audit: Audit) -> None:
    engine = connect(log)
    newer = writing.VERSIONS | {"model": "n" * 20, "run": "tiny/2"}
    writing.write(engine, monkeypatch, start=writing.START, number=1, versions=newer, agent="tiny/standard")
    writing.write(engine, monkeypatch, start=writing.START - timedelta(9), number=1, agent="tiny/standard")
    assert auditing.named_runs(log) == {"tiny/1", "tiny/2"}
    for at, model in (("2027-02-28T12:00+01:00", "m"), ("2027-03-01T07:59", "m"), ("2027-03-01T12:00", "n")):
        code, said = audit("champion", "--scenario", "tiny", "--at", at)
        assert code == 0
        assert f"model           {model * 20}" in said
    assert audit("champion", "--scenario", "tiny", "--at", "2027-01-01")[0] == 2
    assert "is no moment" in audit("champion", "--at", "noon")[1]


def test_hostile_text_cannot_steer_a_terminal(log: Project, audit: Audit) -> None:
    from loopbook.decisions.audit.writer import Writer

    with Writer(connect(log), "tiny") as writer:
        stored = writer.append([writing.decision("\x1b[2J[red]ü\u202e\n")]).result()[0]
    said = audit("show", stored.id)[1]
    assert r"\x1b[2J[red]ü\u202e\n" in said
    assert "\x1b" not in said
    assert json.loads(json.dumps(stored.payload)) == stored.payload
    assert stored.written.tzinfo is UTC
