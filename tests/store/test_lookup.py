"""A run is found by every name that a person may give it, and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbook.scenario.errors import MissingInput
from loopbook.store import lookup, records
from loopbook.store.project import Project
from loopbook.store.records import Run

RUNS = (
    ("market", "smoke", "20260101-000000", "good"),
    ("market", "smoke", "20260102-000000", "missed"),
    ("market", "smoke", "20260103-000000", "failed"),
    ("market", "standard", "20260104-000000", "good"),
    ("press", "smoke", "20260105-000000", "good"),
    ("press", "smoke", "20260101-000000", "good"),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    for scenario, profile, name, status in RUNS:
        day = f"{name[:4]}-{name[4:6]}-{name[6:8]}T00:00:00+00:00"
        records.save(
            made,
            Run.model_validate(
                {
                    "scenario": scenario,
                    "title": scenario,
                    "description": "",
                    "simulated": True,
                    "run": name,
                    "profile": profile,
                    "status": status,
                    "started": day,
                    "seconds": 1.0,
                    "stages": {},
                    "criteria": [],
                    "revision": None,
                    "dirty": False,
                    "resolved": {},
                    "versions": {},
                }
            ),
        )
    return made


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("20260102-000000", "market/20260102-000000"),
        ("latest", "press/20260105-000000"),
        ("latest~1", "market/20260104-000000"),
        ("market/latest", "market/20260104-000000"),
        ("market/smoke", "market/20260102-000000"),
        ("market/smoke~0", "market/20260102-000000"),
        ("market/smoke~1", "market/20260101-000000"),
        ("market/20260103-000000", "market/20260103-000000"),
        (" press/20260101-000000 ", "press/20260101-000000"),
    ],
)
def test_a_run_is_found_by_name_profile_and_distance(project: Project, name: str, found: str) -> None:
    run = lookup.run(project, name)
    assert f"{run.scenario}/{run.run}" == found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("20260101-000000", "Several scenarios"),
        ("market/smoke~2", "before the newest there are 1 good ones"),
        ("market/smoke~x", "~x' is no number"),
        ("market/smokey", "smoke"),
        ("markt/smoke", "market"),
        ("market", "market/latest"),
        ("20260102-000009", "20260102-000000"),
    ],
)
def test_an_unknown_name_is_refused_with_the_likely_one(project: Project, name: str, told: str) -> None:
    with pytest.raises(MissingInput, match=told):
        lookup.run(project, name)
