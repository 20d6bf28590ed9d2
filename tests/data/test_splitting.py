"""Splits keep together what belongs together, stay as they are, and the proof finds what leaks."""

import hashlib
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.conftest import build_scenario
from tests.data.test_interactions import bought
from tests.data.test_interactions import scenario as ranking
from tests.data.test_validation import collected

from loopbook.data import splitting, validation
from loopbook.scenario.data import Splits
from loopbook.scenario.errors import DataError


def rows(count: int, groups: int | None = None, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [f"r{index}" for index in range(count)]
    return pd.DataFrame(
        {
            "row_id": ids,
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 60 * 24, count), unit="h"),
            "group": [f"g{index % groups}" for index in range(count)] if groups else ids,
            "label": rng.integers(0, 2, count).astype(np.int8),
            "weight": np.ones(count, dtype=np.float32),
            "text": [hashlib.sha256(name.encode()).hexdigest() for name in ids],
        }
    )


SOURCE = {"kind": "csv", "path": "x", "time": "when", "group": "place"}


@pytest.mark.parametrize("by", ["time", "group", "stratum"])
def test_every_row_is_in_one_split_near_the_shares_and_nothing_leaks(scenario, by):
    agent = scenario(SOURCE, splits={"by": by})
    frame = rows(4000, groups=None if by == "stratum" else 800)
    splits = splitting.split(frame, agent)
    assert list(splits) == list(splitting.SPLITS)
    assert sorted(pd.concat(splits.values())["row_id"]) == sorted(frame["row_id"])
    table = splitting.shares(splits, agent)
    assert (table["share"] - table["wished"]).abs().max() < 0.05
    assert splitting.proof(splits, agent)["holds"].all()
    assert all(part.index.tolist() == list(range(len(part))) for part in splits.values())


def test_rows_of_one_moment_stay_together(scenario):
    agent = scenario(SOURCE, splits={"by": "time"})
    splits = splitting.split(rows(4000), agent)  # 1,440 hours: nearly every boundary falls inside equal times
    moments = [set(part["time"]) for part in splits.values()]
    assert all(not moments[i] & moments[j] for i in range(5) for j in range(i))


@given(st.integers(0, 2**32), st.floats(0.1, 0.9))
@settings(max_examples=10, deadline=None)
def test_a_row_keeps_its_split_whatever_else_is_there_and_however_it_is_labelled(seed, share):
    agent = build_scenario(SOURCE, splits={"by": "group"}, split_seed=seed)
    frame = rows(3000, groups=1000)
    place = {row: name for name, part in splitting.split(frame, agent).items() for row in part["row_id"]}
    some = frame.sample(frac=share, random_state=1).assign(label=lambda part: 1 - part["label"])
    for name, part in splitting.split(some, agent).items():
        assert all(place[row] == name for row in part["row_id"])


def test_the_hash_is_pinned_so_that_it_is_the_same_on_every_machine():
    assert splitting._hashes(pd.Series(["a", "b"]), 1).round(6).tolist() == [
        round(int(hashlib.sha256(f"1\n{group}".encode()).hexdigest()[:16], 16) / 2**64, 6) for group in "ab"
    ]


def test_another_seed_gives_other_splits(scenario):
    one, other = (splitting.split(rows(1000), scenario(split_seed=seed))["train"]["row_id"] for seed in (1, 2))
    assert set(one) != set(other)


@pytest.mark.parametrize(
    ("by", "change", "found"),
    [
        ("stratum", lambda s: {**s, "test": pd.concat([s["test"], s["train"].head(1)])}, "no row is in two .*: 1 rows"),
        ("group", lambda s: {**s, "test": s["test"].assign(group=s["train"]["group"].iloc[0])}, "1 of .* groups cross"),
        ("time", lambda s: {**s, "gate": s["gate"].assign(time=s["test"]["time"].iloc[0])}, "1 overlaps"),
        ("stratum", lambda s: {**s, "test": s["test"].assign(text=s["train"]["text"].iloc[0])}, "1 texts cross"),
        ("stratum", lambda s: {**s, "test": s["test"].assign(text=s["train"]["text"].iloc[0] + "x")}, "pairs cross"),
    ],
)  # fmt: skip
def test_the_proof_finds_each_kind_of_leak(scenario, by, change, found):
    agent = scenario(SOURCE, splits={"by": by})
    splits = splitting.split(rows(1000, groups=400 if by == "group" else None), agent)
    with pytest.raises(DataError, match=found):
        splitting.proof(change(splits), agent)


def test_a_split_that_would_be_empty_or_of_one_class_is_refused(scenario):
    with pytest.raises(DataError, match="is empty"):
        splitting.split(rows(300, groups=2), scenario(SOURCE, splits={"by": "group"}))
    with pytest.raises(DataError, match="all are 'no'"):
        splitting.split(rows(300).assign(label=0), scenario())


def test_each_stratum_must_be_in_train_validation_and_test(scenario):
    frame = rows(400).assign(kind=["rare", *["common"] * 399])
    with pytest.raises(DataError, match="has no row whose kind is 'rare'"):
        splitting.split(frame, scenario({"kind": "csv", "path": "x", "stratum": "kind"}))


WINDOWS = {"train": 0.3, "validation": 0.1, "test": 0.1, "gate": 0.1, "stream": 0.1, "held_back": 0.3, "windows": 4}


@pytest.mark.parametrize("by", ["time", "group", "stratum"])
def test_only_the_stream_moves_from_window_to_window(scenario, by):
    agent = scenario(SOURCE, splits={"by": by, **WINDOWS})
    frame = rows(4000, groups=None if by == "stratum" else 800)
    seen = [splitting.split(frame, agent, window) for window in range(1, 5)]
    for splits in seen:
        assert sorted(pd.concat(splits.values())["row_id"]) == sorted(frame["row_id"])
        assert splitting.proof(splits, agent)["holds"].all()
        for name in ("train", "validation", "test", "gate"):
            pd.testing.assert_frame_equal(splits[name], seen[0][name])
    streams = [set(splits["stream"]["row_id"]) for splits in seen]
    assert all(0.06 < len(stream) / len(frame) < 0.14 for stream in streams)
    assert [len(splits["past"]) for splits in seen] == np.cumsum([0, *map(len, streams[:3])]).tolist()
    assert not len(seen[3]["later"])
    if by == "time":
        assert all(early["stream"]["time"].max() < late["stream"]["time"].min() for early, late in pairwise(seen))


def test_a_file_that_grows_moves_no_row_once_the_dates_are_fixed(scenario):
    agent = scenario(SOURCE, splits={"by": "time", **WINDOWS})
    frame = rows(4000)
    grown = pd.concat(
        [frame, rows(2000, seed=1).assign(row_id=lambda part: "new " + part["row_id"])], ignore_index=True
    )
    new = grown["row_id"].str.startswith("new")
    grown.loc[new, "time"] += pd.Timedelta(days=60)
    grown.loc[new, "text"] = grown.loc[new, "row_id"].map(lambda row: hashlib.sha256(row.encode()).hexdigest())
    dates, later = splitting.boundaries(frame, agent), splitting.boundaries(grown, agent)
    before = splitting.split(frame, agent, 2, dates)
    adrift, after = splitting.split(grown, agent, 2, later), splitting.split(grown, agent, 2, dates)
    assert set(adrift["test"]["row_id"]) & set(before["past"]["row_id"]), "shares move what was learned into the test"
    for name, part in before.items():
        assert set(after[name]["row_id"]) - set(grown.loc[new, "row_id"]) == set(part["row_id"]), name
    assert set(grown.loc[new, "row_id"]) <= set(after["later"]["row_id"])
    assert set(grown.loc[new, "row_id"]) <= set(splitting.split(grown, agent, 4, dates)["stream"]["row_id"])
    assert splitting.proof(after, agent)["holds"].all()


def test_dates_that_do_not_fit_the_windows_are_refused(scenario):
    dates = splitting.boundaries(rows(4000), scenario(SOURCE, splits={"by": "time"}))
    with pytest.raises(DataError, match=r"4 dates .* needs 7"):
        splitting.split(rows(4000), scenario(SOURCE, splits={"by": "time", **WINDOWS}), 1, dates)
    assert splitting.boundaries(rows(4000), scenario(SOURCE, splits={"by": "group"})) == []


def test_later_days_of_a_simulation_are_windows_of_equal_length_and_move_no_split():
    source = {"kind": "simulation", "id": "post_id", "time": "time", "rows": 1000, "days": 40, "start": "2026-01-01"}
    plain = build_scenario(source, splits={"by": "time"})
    agent = build_scenario({**source, "later_days": 20}, splits={"by": "time", "windows": 3})
    frame = rows(6000)  # 60 days
    base = splitting.split(frame[frame["time"] < pd.Timestamp("2026-02-10", tz="UTC")], plain)
    first, second, third = (splitting.split(frame, agent, window) for window in (1, 2, 3))
    for name in splitting.SPLITS:
        pd.testing.assert_frame_equal(first[name], base[name])
    days = [
        frame["time"].dt.date.agg(["min", "max"]).map(str).tolist() for frame in (second["stream"], third["stream"])
    ]
    assert days == [["2026-02-10", "2026-02-19"], ["2026-02-20", "2026-03-01"]]


def test_a_window_that_there_is_not_is_refused(scenario):
    with pytest.raises(DataError, match=r"window 3, but data\.splits\.windows is 1"):
        splitting.split(rows(4000), scenario(SOURCE, splits={"by": "time"}), 3)


def test_rows_that_a_column_fixes_go_where_it_says_with_their_group_and_the_others_share_the_rest(scenario):
    agent = scenario(
        {**SOURCE, "group": None}, splits={"by": "stratum", "column": "part", "fixed": {"official": "test"}}
    )
    frame = rows(4000).assign(part=["official" if at % 4 == 0 else "own" for at in range(4000)])
    frame.loc[1, "group"] = frame.loc[0, "group"]  # nearly the same text as an official one
    splits = splitting.split(frame, agent)
    assert set(splits["test"]["row_id"]) == {*frame["row_id"][::4], "r1"}
    rest = {name: len(part) / 3000 for name, part in splits.items() if name != "test"}
    wished = {name: agent.data.splits.shares[name] / (1 - agent.data.splits.test) for name in rest}
    assert all(abs(rest[name] - wished[name]) < 0.03 for name in rest)
    assert splitting.proof(splits, agent)["holds"].all()


def test_a_scenario_can_say_on_which_days_the_splits_begin(scenario):
    days = ("2026-01-30", "2026-02-05", "2026-02-10", "2026-02-14")
    splits = splitting.split(rows(3000), scenario(SOURCE, splits={"by": "time", "dates": days}))
    assert [str(part["time"].min().date()) for part in list(splits.values())[1:]] == list(days)


@pytest.mark.parametrize("windows", [1, 2])
def test_a_stream_that_begins_on_a_day_lies_behind_all_that_the_others_share(scenario, windows):
    days = ("2026-02-10", "2026-02-20")[:windows]
    kept = {"held_back": 0.1, "stream": 0.1, "gate": 0.06} if windows == 2 else {"stream": 0.2}
    wished = {"train": 0.5, "validation": 0.12, "test": 0.12, "gate": 0.06, **kept}
    agent = scenario({**SOURCE, "group": None}, splits={"by": "stratum", "dates": days, "windows": windows, **wished})
    frame = rows(4000).assign(group=lambda part: part["row_id"])
    assert [date[:10] for date in splitting.boundaries(frame, agent)] == list(days)
    splits, after = splitting.split(frame, agent), frame["time"].dt.strftime("%Y-%m-%d") >= days[0]
    behind = pd.concat([splits["stream"], splits.get("later", splits["stream"][:0])])
    assert sorted(behind["row_id"]) == sorted(frame["row_id"][after])
    shares = {name: len(splits[name]) / (~after).sum() for name in ("train", "validation", "test", "gate")}
    assert all(abs(share - wished[name] / 0.8) < 0.03 for name, share in shares.items())
    assert "window" in " ".join(splitting.proof(splits, agent)["check"])
    moved = {**splits, "train": splits["train"].assign(time=splits["stream"]["time"].max())}
    with pytest.raises(DataError, match="window of the agent's life"):
        splitting.proof(moved, agent)


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ({"by": "time", "dates": ["2026-01-30"]}, "need 4"),
        ({"by": "time", "dates": ["2026-01-30", "2026-01-29", "2026-02-01", "2026-02-02"]}, "must ascend"),
        ({"by": "group", "dates": ["2026-01-30", "2026-02-01", "2026-02-02", "2026-02-03"]}, "by time"),
        ({"by": "stratum", "dates": ["2026-01-30", "2026-02-01"]}, "need 1"),
        (
            {"by": "stratum", "dates": ["2026-01-30"], "column": "part", "fixed": {"official": "test"}},
            "name one of them",
        ),
        ({"by": "stratum", "fixed": {"official": "test"}}, "belong together"),
        ({"by": "time", "column": "part", "fixed": {"official": "test"}}, "give 'dates'"),
    ],
)
def test_splits_that_contradict_themselves_are_refused(scenario, splits, told):
    with pytest.raises(ValueError, match=told):
        scenario(SOURCE, splits=splits)


def test_by_last_each_users_last_part_is_later_and_new_users_and_items_are_counted() -> None:
    told = ranking({"negatives": 1, "fields": {"note": "category"}}, data={"splits": {"by": "last"}})
    rows, _ = validation.validate(collected(bought(900)), told, date(2026, 11, 30))
    sides = splitting.split(rows, told)
    assert splitting.proof(sides, told)["check"].tolist()[-1].startswith("each split of a user begins after")
    for _, parts in pd.concat([frame.assign(side=at) for at, frame in enumerate(sides.values())]).groupby("query"):
        latest = parts.groupby("side")["time"].agg(["min", "max"])
        assert (latest["max"].shift().dropna() < latest["min"].iloc[1:]).all()
    shares = splitting.shares(sides, told).set_index("split")
    assert shares.loc["train", "new share"] == 0 and shares["share"].round(1).tolist()[0] == 0.6
    by_time = told.model_copy(update={"data": told.data.model_copy(update={"splits": Splits(by="time")})})
    cut = splitting.split(rows, by_time)
    late = splitting.shares(cut, by_time).set_index("split").loc["stream"]
    assert late["new items"] == len(set(cut["stream"]["item"]) - set(cut["train"]["item"]))


def test_a_users_split_that_overlaps_is_found() -> None:
    told = ranking({"negatives": 1, "fields": {"note": "category"}}, data={"splits": {"by": "last"}})
    rows, _ = validation.validate(collected(bought(900)), told, date(2026, 11, 30))
    sides = splitting.split(rows, told)
    sides["test"] = pd.concat([sides["test"], sides["train"].iloc[:1]])
    sides["train"] = sides["train"].iloc[1:]
    with pytest.raises(DataError, match="each split of a user begins"):
        splitting.proof(sides, told)
