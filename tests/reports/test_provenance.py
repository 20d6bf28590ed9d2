"""Lineage says who wrote what a stage read, and which run computed it."""

from __future__ import annotations

import json

from tests.reports.conftest import Workshop

from loopbook.reports import provenance
from loopbook.store import vault
from loopbook.store.content import digest_json


def test_an_input_names_the_stage_the_run_and_the_revision_that_made_it(workshop: Workshop) -> None:
    data = workshop.stage("02_data", [], digests={"train": "a" * 64}, artifacts={"train": "x"}, key="k1")
    fresh = data.model_copy(update={"state": "fresh"})
    fit = workshop.stage(
        "03_training", [], candidate="lstm", key="k2",
        inputs={"train": "a" * 64, "source": "s", "carried outcomes": "c"}, digests={"model": "m" * 64},
    )  # fmt: skip
    first = workshop.run(data, name="20261123-031200", revision="1111111111aaaa")
    second = workshop.run(fresh, fit, name="20261124-031200", dirty=True)
    known = provenance.origins([first, second])
    found = {source["name"]: source for source in provenance.lineage(second, fit, known, workshop.data)["sources"]}
    assert (found["train"]["stage"], found["train"]["run"], found["train"]["revision"]) == (
        "02_data", first.run, "1111111111",
    )  # fmt: skip
    assert found["source"]["whence"] == "the scenario's source"
    assert found["carried outcomes"]["whence"] == "nothing yet"
    (read,) = provenance.lineage(second, fresh, known, workshop.data)["outputs"]
    assert read["readers"] == [("03_training[lstm]", "03_training-lstm")]
    mine = provenance.lineage(second, fit, known, workshop.data)
    assert (mine["run"], mine["revision"]) == (second.run, "69f829b1c2 with uncommitted changes")


def test_what_the_store_keeps_goes_before_what_the_records_say(workshop: Workshop) -> None:
    stage = workshop.stage("02_data", [])
    assert stage.notebook is not None
    facts = {
        "run": "20261101-000000",
        "origin": {"revision": "2222222222bbbb", "hardware": {"cores": 2, "memory": 8 * 2**30, "system": "Linux"}},
        "seeds": {"training.seed": 1},
        "cells": {"fit": 1.5},
    }
    sealed = {**facts, vault.SEAL: {"facts": digest_json(facts), "files": {}}}
    (workshop.data / stage.notebook).with_name("stage.json").write_text(json.dumps(sealed), encoding="utf-8")
    found = provenance.lineage(workshop.run(stage), stage, {}, workshop.data)
    assert (found["run"], found["revision"]) == ("20261101-000000", "2222222222")
    assert dict(found["facts"])["Seeds"] == "training.seed 1"
    assert "2 cores" in dict(found["facts"])["Machine"] and "8 GB" in dict(found["facts"])["Machine"]
