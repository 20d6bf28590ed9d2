"""Smoke runs of agents, each made once for all tests, and folders for others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.smoke import Place, Ran


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place]:
    """Return a folder by name."""
    return lambda name: Place(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def ran(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the default scenario's smoke run, by the runner. Nothing may be changed in its folder."""
    return smoke_run("market-monitor")


@pytest.fixture(scope="session")
def clinic(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of clinic-triage."""
    return smoke_run("clinic-triage")


@pytest.fixture(scope="session")
def press(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of press-monitor."""
    return smoke_run("press-monitor")


@pytest.fixture(scope="session")
def airline(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of airline-monitor: three classes, three actions, and a further output."""
    return smoke_run("airline-monitor")


@pytest.fixture(scope="session")
def banking(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of banking-desk: 77 classes, an action each."""
    return smoke_run("banking-desk")


@pytest.fixture(scope="session")
def credit(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of credit-risk: a table with a protected attribute."""
    return smoke_run("credit-risk")


@pytest.fixture(scope="session")
def plant(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of plant-watch: windows of a series, learned without labels, and the study of alarms."""
    return smoke_run("plant-watch")


@pytest.fixture(scope="session")
def shop(smoke_run: Callable[[str], Ran]) -> Ran:
    """Return the smoke run of book-shop: a ranking, from rows, books and readers, and the study of lists."""
    return smoke_run("book-shop")
