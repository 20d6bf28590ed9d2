"""Names and values from data are hostile: whatever they are, the file loads and says exactly them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from loopbook.data import parsing
from loopbook.scenario.reading import plain
from loopbook.starter import notation, trial
from tests.starter.conftest import draft

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HOSTILE = st.sampled_from(
    [
        *("a: b", "- x", "# no", '"', "'", "\\", "{x}", "[1]", "yes", "null", "1e-3", "1_000", "0x1f", "~", "*a", "&b"),
        *("!!python/object:os.system", "a\nname: evil", "%YAML", "---", "...", "@x", "`x`", "|", ">", "? a", "🚚 Ü"),
        *(
            "\u2028x",
            "x\x85y",
            "\ufeffx",
            "=cmd()",
            "<script>",
            "{{x}}",
            "${HOME}",
            "$(ls)",
            "a #b",
            "a:",
            "\t",
            "\x00",
        ),
        *("2026-01-01", "12:30:45", "No", "<<", "=", "\U0010ffff", "\u202egpj"),
    ]
)
TEXT = st.one_of(ANY, HOSTILE)


@given(TEXT)
@settings(max_examples=500, deadline=None)
def test_a_value_reads_back_as_itself_anywhere(text: str) -> None:
    written = notation.scalar(text)
    assert "\n" not in written
    assert plain(written) == text
    assert plain(f"[{written}, {written}]") == [text, text]
    assert plain(f"{{{written}: 1}}") == {text: 1}
    assert plain(f"a:\n  {written}: {written}\n  # {written}") == {"a": {text: text}}


@given(st.text(max_size=300))
@settings(deadline=None)
def test_a_comment_stays_one_whatever_is_in_it(text: str) -> None:
    assert plain(f"a: 1\n{notation.comment(text, 4)}\nb: 2") == {"a": 1, "b": 2}


@given(st.lists(TEXT, min_size=3, max_size=3, unique_by=str.strip), st.lists(TEXT, min_size=2, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_a_whole_scenario_of_hostile_names_and_values_loads_and_says_them(names: list[str], values: list[str]) -> None:
    names = [name.strip() for name in names]
    one, other = (value.strip() for value in values)
    assume(all(names) and one.casefold() != other.casefold())
    assume(not parsing.is_missing([one, other]).any() and not any(map(str.isdigit, one + other)))
    number, category, label = names
    table = {
        number: [index * 37 % 101 / 3 for index in range(90)],
        category: ["a", "b", "c"] * 30,
        label: [one, other, one, one, other] * 18,
    }
    drafted = draft(table, label)
    scenario = trial.scenario_of(drafted)
    used = {*scenario.task.fields, *scenario.source.protected, *drafted.roles.unused}
    used |= {choice.column.name for choice in (drafted.roles.group, drafted.roles.id) if choice}
    assert used == {number, category}
    assert scenario.task.label.column == label
    assert scenario.task.label.positive[0] in (one, other)


def test_long_lists_stand_one_item_a_line() -> None:
    values = [f"value number {index}" for index in range(20)]
    text = notation.listing("  positive", values)
    assert len(text.splitlines()) == 21
    assert plain(text) == {"positive": values}


def test_the_criterion_on_leaks_names_what_its_split_keeps_apart() -> None:
    table = {"text": [f"the {n}th parcel came late and wet" for n in range(100)], "label": [0, 1] * 50}

    def said(by: str, columns: dict[str, list[object]]) -> str:
        scenario = trial.scenario_of(replace(draft(columns), by=by))
        return next(one.text for story in scenario.stories for one in story.criteria if one.metric == "leaks")

    assert said("stratum", table) == "No row, no group and no text stands on two sides of a split."
    days = [f"2026-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(100)]
    numbers = {"day": days, "size": [n + 0.5 for n in range(100)], "label": [0, 1] * 50}
    later = "No row stands on two sides of a split, and no split begins before the one before it has ended."
    assert said("time", numbers) == later, "rows of one group may stand on both sides"
