"""What columns mean: which value is yes, what gives the answer away, what speaks of people, which ids are damaged."""

from __future__ import annotations

import random

import pytest
import yaml

from loopbook.starter import document, label
from tests.starter.conftest import columns, draft

DRAW = random.Random(4)
ROWS = 400
TEXT = [f"the {number}th parcel came late and wet" for number in range(ROWS)]
SHADE = [DRAW.choice(["red", "blue", "green"]) for _ in range(ROWS)]
LABEL = [int(DRAW.random() < 0.3) for _ in range(ROWS)]
BASE = {"shade": SHADE, "label": LABEL}


def mixed(yes: str, no: str, share: float) -> list[str]:
    """Return values of which a share is the first."""
    return [yes if number < share * ROWS else no for number in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "yes", "no", "share"),
    [
        ("outcome", "1.0", "0.0", 0.7),
        ("outcome", "1,0", "0,0", 0.7),
        ("outcome", "1.00", "0.00", 0.3),
        ("churned", "1", "0", 0.7),
        ("churned", "1.0", "-1.0", 0.7),
        ("test_result", "positive", "negative", 0.6),
        ("Covid test", "Positive", "Negative", 0.3),
        ("pcr", "pos", "neg", 0.6),
        ("HIV_antibody", "reactive", "non-reactive", 0.4),
        ("biopsy", "positive", "negative", 0.7),
        ("culture", "positiv", "negativ", 0.7),
        ("sentiment", "negative", "positive", 0.6),
        ("review_tone", "negative", "positive", 0.3),
        ("stimmung", "negativ", "positiv", 0.3),
    ],
)
def test_the_value_that_means_yes(name: str, yes: str, no: str, share: float) -> None:
    found = label.guess(columns({"text": TEXT, name: mixed(yes, no, share)}), name, "x.csv")
    assert found.positive == (yes,)
    assert "please check" not in found.meaning


@pytest.mark.parametrize("name", ["value", "x7", "polarity_of_plate", "answer"])
def test_positive_or_negative_without_a_word_of_what_is_to_be_checked_first(name: str) -> None:
    found = label.guess(columns({"text": TEXT, name: mixed("positive", "negative", 0.6)}), name, "x.csv")
    assert "please check" in found.meaning
    assert found.sure < 0.15  # before all other steps of "Edit next"


@pytest.mark.parametrize(
    ("values", "yes"),
    [
        (["negative"] * 62 + ["neutral"] * 21 + ["positive"] * 17, "negative"),
        (["bad"] * 80 + ["good"] * 10 + ["fair"] * 10, "bad"),
        (["fail"] * 70 + ["pass"] * 20 + ["rerun"] * 10, "fail"),
        (["ok"] * 90 + ["late"] * 7 + ["lost"] * 3, ("late", "lost")),
    ],
)
def test_of_three_classes_the_one_that_sounds_like_trouble(values: list[str], yes: str | tuple[str, ...]) -> None:
    found = label.guess(columns({"text": TEXT, "status": values * 4}), "status", "x.csv")
    assert sorted(found.positive) == sorted((yes,) if isinstance(yes, str) else yes)
    assert "trouble" in found.meaning


def reasons_of(share: float = 1.0) -> list[str]:
    """Return a column that is filled only where the label is yes, and there for a share of the rows."""
    return [DRAW.choice(["late", "rude", "lost bag"]) if yes and DRAW.random() < share else "" for yes in LABEL]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("negativereason", reasons_of(0.95)),
        ("why", reasons_of()),
        ("handled by", [f"team {DRAW.randint(1, 9)}" if not yes else "" for yes in LABEL]),
        ("code", [(DRAW.choice("AB") if yes else DRAW.choice("CD")) if DRAW.random() < 0.97 else "E" for yes in LABEL]),
        ("amount back", [f"{DRAW.uniform(5, 9):.2f}" if yes else "0" for yes in LABEL]),
        ("points", [DRAW.gauss(9 if yes else 1, 1.2) for yes in LABEL]),
    ],
)
def test_what_tells_the_label_nearly_alone_is_left_out_with_its_evidence(name: str, values: list[str]) -> None:
    roles = draft({name: values, **BASE}, "label").roles
    assert roles.leaks == (name,)
    assert "%" in roles.unused[name]
    assert "rows that it was not learned from" in roles.unused[name]


@pytest.mark.parametrize(
    "name", ["label_confidence", "label:confidence", "LabelConfidence", "label_gold", "label_reason"]
)
def test_what_is_said_of_the_label_is_known_only_afterwards(name: str) -> None:
    roles = draft({name: [DRAW.random() for _ in range(ROWS)], **BASE}, "label").roles
    assert roles.leaks == (name,)
    assert "known only after" in roles.unused[name]


@pytest.mark.parametrize(
    "values",
    [
        [DRAW.gauss(1.5 * yes, 1) for yes in LABEL],
        [DRAW.choice("AAB" if yes else "ABB") for yes in LABEL],
        ["" if DRAW.random() < 0.3 + 0.3 * yes else "x" * DRAW.randint(1, 3) for yes in LABEL],
    ],
)
def test_a_good_input_is_no_leak(values: list[object]) -> None:
    assert draft({"input": values, **BASE}, "label").roles.leaks == ()


@pytest.mark.parametrize(
    "ids",
    [
        [f"5.7030{6 + number % 7}E+17" for number in range(ROWS)],
        [f"{DRAW.choice([1.23457, 1.23458])}E+15" for _ in range(ROWS)],
        [f"4,9E+1{number % 3 + 3}" for number in range(ROWS)],
        [f"8.8{number % 10}e17" for number in range(ROWS)],
    ],
)
def test_ids_damaged_by_a_spreadsheet_are_named_as_that(ids: list[str]) -> None:
    roles = draft({"tweet_id": ids, **BASE}).roles
    assert roles.id is None
    assert "tweet_id" not in roles.fields
    assert "spreadsheet" in roles.unused["tweet_id"]


@pytest.mark.parametrize(
    "name",
    [
        *("age", "age_in_years", "Alter", "edad", "âge", "birth_year", "year of birth", "Geburtsjahr", "yob"),
        *("personal_status_and_sex", "marital-status", "MARRIAGE", "Familienstand", "estado_civil", "gender", "sexe"),
        *(
            "religion",
            "Konfession",
            "race",
            "ethnicGroup",
            "nationality",
            "nacionalidad",
            "disability",
            "foreign_worker",
        ),
        *("sexual_orientation", "pregnant", "caste", "skin colour", "SkinTone", "genero", "etnia", "country of origin"),
        *("religious", "hispanic", "female", "nonwhite", "black"),
    ],
)
@pytest.mark.parametrize("coded", [True, False])
def test_what_speaks_of_people_is_protected_as_words_and_as_codes(name: str, coded: bool) -> None:
    values = [DRAW.randint(1, 4) for _ in range(ROWS)] if coded else [DRAW.randint(19, 75) for _ in range(ROWS)]
    roles = draft({name: values, **BASE}).roles
    assert list(roles.protected) == [name]
    assert name not in roles.fields


@pytest.mark.parametrize(
    "name",
    [
        *("page", "storage", "wage", "vintage", "machine_age", "account age days", "percentage"),
        *(
            "skin",
            "SkinThickness",
            "skin_fold_mm",
            "Origin State",
            "origin_airport",
            "Origin City",
            "black_box",
            "white balance",
        ),
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not draft({name: [DRAW.randint(19, 75) for _ in range(ROWS)], **BASE}).roles.protected


@pytest.mark.parametrize(("most", "asked"), [(4, True), (9, True), (400, False)])
def test_small_whole_numbers_with_few_values_are_asked_about(most: int, asked: bool) -> None:
    roles = draft({"kind": [DRAW.randint(1, most) for _ in range(ROWS)], **BASE}).roles
    assert ("codes or amounts?" in roles.fields["kind"][1]) == asked
    assert (roles.coded == ("kind",)) == asked


@pytest.mark.parametrize("name", ["no", "2024", "null", "true", "1e3", "2026-01-01", "on", "y"])
def test_an_agent_of_any_name_reads_back(name: str) -> None:
    from dataclasses import replace

    written = yaml.safe_load(document.write(replace(draft(BASE), name=name)))
    assert written["name"] == name
    assert isinstance(written["title"], str)


@pytest.mark.parametrize(
    "values", [("yes", "no"), ("on", "off"), ("Y", "N"), ("1.0", "0.0"), ("1", "0"), ("null x", "a")]
)
def test_the_values_that_mean_yes_read_back_as_texts_or_whole_numbers(values: tuple[str, str]) -> None:
    found = yaml.safe_load(document.write(draft({"shade": SHADE, "is_late": mixed(*values, 0.4)})))
    assert found["task"]["label"]["positive"] == [int(float(values[0])) if values[0] in ("1", "1.0") else values[0]]


def test_trees_are_among_the_candidates_of_a_table_and_not_of_texts_alone() -> None:
    table, texts = (
        yaml.safe_load(document.write(draft(fields)))["training"]["candidates"]
        for fields in (BASE, {"text": TEXT, "label": LABEL})
    )
    assert table["trees"]["architecture"] == "boosted_trees"
    assert "trees" not in texts
