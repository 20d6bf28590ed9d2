"""API keys: told once, stored as digests, revoked everywhere, and each act in the log."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from loopbook.decisions.audit import database, reader
from loopbook.scenario.errors import LoopbookError
from loopbook.service import keys
from loopbook.service.errors import Refused
from loopbook.service.keys import Keyring
from loopbook.store.project import Project

AGENT = "some-agent/standard"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    address = f"sqlite:///{tmp_path / 'log.sqlite'}"
    if request.param == "postgresql":
        address = str(request.getfixturevalue("postgres").database())
    return database.connect(Project(tmp_path, tmp_path / "data"), address)


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


def test_a_key_is_told_once_and_stored_nowhere(engine: Engine) -> None:
    secret = keys.create(engine, AGENT, "billing", "caller", "ann")
    assert re.fullmatch(r"lb_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", secret)
    (key,) = keys.listed(engine, AGENT)
    assert (key.name, key.role, key.created_by, key.revoked) == ("billing", "caller", "ann", None)
    with engine.connect() as connection:
        stored = " ".join(str(value) for row in connection.execute(select(keys.KEYS)) for value in row)
    log = " ".join(str(entry) for entry in reader.entries(engine, AGENT))
    hidden = secret.removeprefix(f"lb_{key.id}_")
    assert len(hidden) == 43 and hidden not in stored and hidden not in log


def test_each_act_is_in_the_log(engine: Engine) -> None:
    keys.create(engine, AGENT, "billing", "caller", "ann")
    (key,) = keys.revoke(engine, AGENT, "billing", "ben")
    acts = [entry.facts for entry in reader.entries(engine, AGENT, kinds=["admin"])]
    assert [(act["act"], act["by"], act["key_id"]) for act in acts if act["act"].startswith("key-")] == [
        ("key-created", "ann", key.id),
        ("key-revoked", "ben", key.id),
    ]


def test_who_holds_a_key_is_let_in_by_its_role(engine: Engine) -> None:
    secrets = {role: keys.create(engine, AGENT, f"one-{role}", role, "ann") for role in keys.ROLES}
    ring = Keyring(engine, AGENT)
    ring.refresh()
    for role, secret in secrets.items():
        assert ring.check(bearer(secret), [role]).role == role
        assert ring.check(f"bearer  {secret} ", [role]).name == f"one-{role}"
        with pytest.raises(Refused) as refused:
            ring.check(bearer(secret), [other for other in keys.ROLES if other != role])
        assert refused.value.status == 403


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer lb_",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer lb_0123456789ab_" + "A" * 43,
        "lb_é",
        "Bearer \x00",
    ],
)
def test_who_holds_none_is_not(engine: Engine, header: str | None) -> None:
    keys.create(engine, AGENT, "billing", "caller", "ann")
    ring = Keyring(engine, AGENT)
    ring.refresh()
    with pytest.raises(Refused) as refused:
        ring.check(header, list(keys.ROLES))
    assert refused.value.status == 401 and "WWW-Authenticate" in refused.value.headers


def test_a_key_holds_for_one_agent(engine: Engine) -> None:
    secret = keys.create(engine, "other-agent/standard", "billing", "admin", "ann")
    ring = Keyring(engine, AGENT)
    ring.refresh()
    with pytest.raises(Refused):
        ring.check(bearer(secret), ["admin"])
    with pytest.raises(LoopbookError, match="No key of some-agent"):
        keys.revoke(engine, AGENT, "billing", "ann")


def test_a_new_key_takes_the_place_of_an_old_one_without_a_gap(engine: Engine) -> None:
    old, new = (keys.create(engine, AGENT, "billing", "caller", "ann") for _ in range(2))
    keys.revoke(engine, AGENT, old.split("_")[1], "ann")
    ring = Keyring(engine, AGENT)
    ring.refresh()
    assert ring.check(bearer(new), ["caller"]).name == "billing"
    with pytest.raises(Refused):
        ring.check(bearer(old), ["caller"])


def test_workers_read_the_keys_again(engine: Engine) -> None:
    """Known ones after `seconds`, unknown ones soon, and none more often than that."""
    first = keys.create(engine, AGENT, "first", "caller", "ann")
    ring = Keyring(engine, AGENT, seconds=2.0)
    assert not ring.current(bearer(first))
    ring.refresh()
    assert ring.current(bearer(first)) and ring.current(None)
    keys.revoke(engine, AGENT, "first", "ann")
    assert ring.check(bearer(first), ["caller"]), "known for a moment"
    second = keys.create(engine, AGENT, "second", "caller", "ann")
    time.sleep(keys.SOON)
    assert not ring.current(bearer(second))
    ring.refresh()
    assert ring.check(bearer(second), ["caller"])
    with pytest.raises(Refused):
        ring.check(bearer(first), ["caller"])
    time.sleep(2.0)
    assert not ring.current(bearer(second))


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("billing", "reveiwer", "Did you mean 'reviewer'"),
        ("Jane Doe <jane@example.com>", "caller", "name a system, not a person"),
        ("", "caller", "letters, digits"),
        ("x" * 65, "caller", "at most 64"),
        ("a\nb", "caller", "letters, digits"),
    ],
)
def test_what_is_no_name_or_role_is_refused(tmp_path: Path, name: str, role: str, said: str) -> None:
    engine = database.connect(Project(tmp_path), f"sqlite:///{tmp_path / 'log.sqlite'}")
    with pytest.raises(LoopbookError, match=said):
        keys.create(engine, AGENT, name, role, "ann")
    assert keys.listed(engine, AGENT) == []
    assert list(reader.entries(engine, AGENT)) == []


def test_revoking_twice_is_said(tmp_path: Path) -> None:
    engine = database.connect(Project(tmp_path), f"sqlite:///{tmp_path / 'log.sqlite'}")
    keys.create(engine, AGENT, "billing", "caller", "ann")
    keys.revoke(engine, AGENT, "billing", "ann")
    with pytest.raises(LoopbookError, match="It was revoked before"):
        keys.revoke(engine, AGENT, "billing", "ann")
