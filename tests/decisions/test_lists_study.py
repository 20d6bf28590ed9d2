"""Lists judged on a simulated shop: what is known at a moment, what diversity costs, and values held to the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.decisions import shops

from loopbook.decisions import lists_page, lists_study
from loopbook.decisions.lists_worth import LOGGED, Worth
from loopbook.models.ranking.mix import equal
from loopbook.scenario.errors import DataError


def test_a_moment_knows_what_its_user_took_before_and_nothing_of_later() -> None:
    study, rows = shops.study(), shops.rows()
    for moment in study.moments[:: len(study.moments) // 20]:
        own = rows[(rows["query"] == moment.user) & (rows["time"] < moment.time) & (rows["label"] == 1)]
        assert list(moment.taken) == list(own["item"])
    assert len(study.moments) == 400 and len({moment.shown for moment in study.moments}) == 400


def test_no_list_shows_what_was_taken_and_clicks_count_by_how_rarely_they_could_happen() -> None:
    study = shops.study()
    for made in study.policies.values():
        assert made.shape == (400, 10) and (np.sort(made, axis=1)[:, 1:] != np.sort(made, axis=1)[:, :-1]).all()
        for moment, own in zip(study.moments, made, strict=True):
            assert not {study.listing.shelf.items[at] for at in own} & {*moment.taken}
    gains = study.taken.data
    assert gains.min() >= 1 and gains.max() > 5 * gains.min()
    unknown = study.rows.assign(propensity=np.nan)
    assert replace(study, rows=unknown).taken.data.max() == 1


def test_a_budget_brings_more_items_into_lists_and_the_truth_judges_what_it_costs() -> None:
    study = shops.study()
    table = study.trade_off()
    assert table.index.tolist() == list(lists_study.BUDGETS)
    assert (table["gain"].iloc[1:] > table["gain"].iloc[0]).all() and table["gini"].iloc[-1] < table["gini"].iloc[0]
    assert table["kept"].iloc[0] == pytest.approx(1, abs=0.02)
    assert ((table["low"] <= table["kept"]) & (table["kept"] <= table["high"])).all()
    assert study.truth is not None
    moment = study.moments[3]
    world, day = shops.shop().truth, (moment.time - pd.Timestamp(shops.SOURCE.start, tz="UTC")).days
    own = world.relevance([int(moment.user[1:]) - 1], [int(item[1:]) - 1 for item in study.listing.shelf.items], day)
    assert study.truth[3] == pytest.approx(own[0])


@pytest.mark.parametrize(("diversity", "met"), [(0.05, True), (0.3, False), (0.5, False)])
def test_the_criterion_on_ndcg_is_missed_by_lists_that_give_up_too_much(diversity: float, met: bool) -> None:
    """Lists of who knows the true relevance, so that there is something to give up."""
    study = shops.study()
    other, knowing = replace(study), lambda _: study.truth
    vars(other)["policies"] = {lists_study.WORTH: study.made(study.other(0.0, diversity=0.0), knowing)}
    found = other.kept(study.made(study.other(0.0, diversity=diversity), knowing))
    assert (found.low >= 0.98) == met and found.low <= found.value <= 1


def test_where_the_truth_is_not_known_clicks_judge_with_a_wider_interval() -> None:
    study = shops.study()
    other = replace(study)
    vars(other)["truth"] = None  # as of any source but a simulated one
    assert study.kept(study.policies["popularity"]).value < 1
    wide, narrow = (one.kept(study.policies["popularity"]) for one in (other, study))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_values_from_the_log_lie_near_the_truth_and_so_does_the_logs_own() -> None:
    table = Worth(shops.study()).worth()
    logged = table.loc[LOGGED]
    assert logged["low"] <= logged["truth"] <= logged["high"]
    robust = table[table["estimator"] == "doubly_robust"]
    assert ((robust["low"] - 0.1 <= robust["truth"]) & (robust["truth"] <= robust["high"] + 0.1)).all()
    assert robust["support"].between(0.5, 1.5).all()


def test_without_examination_or_propensities_it_refuses() -> None:
    study = shops.study()
    with pytest.raises(DataError, match="examination"):
        Worth(replace(study, looked=None)).worth()
    with pytest.raises(DataError, match="propensity"):
        Worth(replace(study, rows=study.rows.assign(propensity=np.nan))).worth()


def test_a_bandit_learns_from_clicks_before_and_is_judged_as_the_others_are() -> None:
    study = shops.study()
    known = shops.rows()[shops.rows()["time"] < shops.CUT]
    made = Worth(study).bandit(known, 200)
    assert made.shape == (400, 10)
    table = Worth(study).worth({"bandit": made})
    own = table[table["estimator"] == "doubly_robust"].loc["bandit"]
    assert own["low"] - 0.1 <= own["truth"] <= own["high"] + 0.1
    with pytest.raises(DataError, match="examination"):
        Worth(replace(study, looked=None)).bandit(known)


def test_the_gain_over_popularity_is_paired_and_a_log_that_cannot_tell_says_why() -> None:
    study = shops.study()
    gain, table = Worth(study).gain(), Worth(study).worth()
    robust = table[table["estimator"] == "doubly_robust"]["value"]
    assert gain.value == pytest.approx(robust[lists_study.OWN] - robust[lists_study.POPULAR])
    apart = table["high"] - table["low"]
    assert gain.high - gain.low < apart[table["estimator"] == "doubly_robust"].sum()
    splits = {"train": shops.rows().head(0), "validation": shops.rows().head(0)}
    told = lists_page.priced(replace(study, looked=None), splits)
    assert "examination" in str(lists_page.worth_table(told)) and np.isnan(told.of(lists_study.OWN).value)
    assert isinstance(lists_page.worth(told), str)


def test_cards_escape_what_titles_and_names_say() -> None:
    study = shops.study()
    shelf = replace(study.listing.shelf, titles=np.array(["<script>x</script>"] * len(study.listing.shelf.titles)))
    html = lists_page.cards(replace(study, listing=replace(study.listing, shelf=shelf)))._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and html.count("<li>") == 20


def test_the_page_says_who_makes_the_lists_and_what_is_left_out_of_so_many_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranker, items = shops.study().listing.ranker, shops.shop().items
    said = lists_page.makers({"mix": ranker}, items)
    assert "80 items" in said and "by mix, a mix of popularity, item_knn." in said and "EASE" not in said
    monkeypatch.setattr(lists_page, "EASE_LIMIT", 50)
    assert "EASE is left out: above 50 items" in lists_page.makers({"mix": ranker}, items)


def test_the_table_of_rankers_says_by_how_much_the_first_is_ahead_of_each_other() -> None:
    study, rows = shops.study(), shops.rows()
    one = replace(study.listing.ranker, parts={"popularity": study.listing.ranker.parts["popularity"]})
    one = replace(one, mix=equal(["popularity"]))
    splits = {"train": rows[rows["time"] < shops.CUT], "validation": rows.head(0), "test": study.rows}
    found = lists_page.full(study, {"mix": study.listing.ranker, "popularity": one}, splits)
    table = lists_page.ranked_table(found)
    assert table["ranker"].tolist() == ["mix", "popularity"] * 2
    assert table["mix is ahead by"].iloc[[0, 2]].tolist() == ["", ""]
    gain = found.paired("mix", clicks=table["clicks"].iloc[3]).loc["popularity", "value"]
    assert table["mix is ahead by"].iloc[3].startswith(f"{gain:.3f} (")
