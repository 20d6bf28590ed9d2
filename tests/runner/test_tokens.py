"""Tokens are never given out twice, and every job can run at least alone."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.runner.kernels.pool import THREADS, Level
from loopbook.runner.tokens import Need, Tokens, devices, need, threads

needs = st.builds(Need, st.integers(1, 6), st.integers(0, 12), st.integers(0, 3))


@given(st.integers(1, 4), st.none() | st.integers(0, 8), st.integers(0, 2), st.lists(needs, max_size=20), st.data())
def test_never_more_is_given_out_than_there_is(
    processors: int, memory: int | None, gpus: int, wanted: list[Need], data: st.DataObject
) -> None:
    tokens = Tokens(processors, memory, tuple(map(str, range(gpus))))
    given_out = []
    for asked in wanted:
        if tokens.free(asked):
            given_out.append(tokens.take(asked))
        else:
            assert given_out, "alone, every job can run"
            tokens.give_back(given_out.pop(data.draw(st.integers(0, len(given_out) - 1))))
        assert sum(grant.processors for grant in given_out) <= processors
        assert memory is None or sum(grant.memory for grant in given_out) <= memory
        held = [device for grant in given_out for device in grant.gpus]
        assert len(held) == len(set(held))
    for grant in given_out:
        tokens.give_back(grant)
    assert tokens.free(Need(processors, memory or 0, gpus))


def test_a_job_takes_the_threads_that_a_person_has_set() -> None:
    assert threads({}) == 1
    assert threads({THREADS[0]: "3", THREADS[1]: "2"}) == 3
    assert threads({THREADS[0]: "many"}) == 1


def test_hidden_gpus_are_not_given_out() -> None:
    assert devices({"CUDA_VISIBLE_DEVICES": ""}) == ()
    assert devices({"CUDA_VISIBLE_DEVICES": "-1"}) == ()


def test_a_notebook_that_trains_takes_what_its_workers_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*THREADS, "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert need(Level.LIGHT, 4) == need(Level.LIGHT)
    one, four = need(Level.HEAVY), need(Level.HEAVY, 4)
    assert (four.processors, four.memory, four.gpus) == (4, 4 * one.memory, 4)
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert need(Level.HEAVY, 4).gpus == len(devices(os.environ)), "a cluster's machine has one worker, with all GPUs"
