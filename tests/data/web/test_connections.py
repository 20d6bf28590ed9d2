"""No name, redirect or change of mind of a name server leads to this machine or a private network."""

from __future__ import annotations

import socket

import pytest
from tests.data.web.conftest import QUICK
from tests.data.web.site import Site

from loopbook.data.web import connections
from loopbook.data.web.asking import Asking


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "::"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1%eth0",
            "fd00::1",
            "100.64.0.1",
        ),
        *("224.0.0.1", "255.255.255.255", "ff02::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not connections.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address: str) -> None:
    assert connections.is_public(address)


def asking(*private: str) -> Asking:
    return Asking(QUICK["contact"], private, 1, 0.0)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_asked_by_whatever_name(fresh: Site, name: str) -> None:
    port = fresh.address.rpartition(":")[2]
    answer = asking().get(f"http://{name}:{port}/", 0, 1000)
    assert answer.problem is not None and answer.problem[0] == "private-address" and not answer.status
    assert fresh.asked == []


def test_only_the_host_and_port_that_are_named_may_be_private(fresh: Site) -> None:
    port = fresh.address.rpartition(":")[2]
    assert asking(f"127.0.0.1:{port}").get(f"{fresh.address}/news/1", 0, 100_000).status == 200
    for other in ("127.0.0.1", "127.0.0.1:1", f"localhost:{port}"):
        assert asking(other).get(f"{fresh.address}/news/1", 0, 100_000).status == 0


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    fresh: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers a public address first, and this machine's the next time (DNS rebinding)."""
    port = int(fresh.address.rpartition(":")[2])
    answers = ["203.0.114.7", "127.0.0.1", "127.0.0.1"]
    reached: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        reached.append(address[0])
        raise OSError("nobody is there")

    monkeypatch.setattr(connections.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(connections, "create_connection", connect)
    assert asking().get(f"http://rebinding.example:{port}/", 0, 1000).problem == (
        "error",
        "no answer (NewConnectionError)",
    )
    assert reached == ["203.0.114.7"]
    assert asking().get(f"http://rebinding.example:{port}/", 0, 1000).problem is not None
    assert reached == ["203.0.114.7"] and fresh.asked == []
