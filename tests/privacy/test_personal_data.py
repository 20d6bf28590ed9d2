"""Personal data is found and masked; numbers that only look like it are left alone."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.privacy import identity_numbers, personal_data, phones

CASES = yaml.safe_load((Path(__file__).parent / "privacy_cases.yaml").read_text(encoding="utf-8"))
MARK = re.compile("⟦(?:(mail|phone|card|iban|ip|mac):)?([^⟧]+)⟧")


def read(case: str, default: str) -> tuple[str, set[tuple[str, int, int]]]:
    """Return the plain text of a case and the spans that are marked in it."""
    plain, marked, position = "", set(), 0
    for match in MARK.finditer(case):
        plain += case[position : match.start()]
        marked.add((match[1] or default, len(plain), len(plain) + len(match[2])))
        plain, position = plain + match[2], match.end()
    return plain + case[position:], marked


def score() -> tuple[Counter[str], Counter[str], Counter[str], list[str]]:
    hit, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    mistakes = []
    for group, cases in CASES.items():
        for case in cases:
            text, marked = read(case, group)
            found = {(finding.kind, finding.start, finding.end) for finding in personal_data.find(text)}
            hit.update(kind for kind, *_ in marked & found)
            missed.update(kind for kind, *_ in marked - found)
            wrong.update(kind for kind, *_ in found - marked)
            if marked != found:
                shown = [(kind, text[start:end]) for kind, start, end in sorted(found)]
                mistakes.append(f"{case!r} -> {shown}")
    return hit, missed, wrong, mistakes


def test_recall_and_precision_on_the_authored_set_are_at_least_98_percent():
    hit, missed, wrong, mistakes = score()
    assert sum(hit.values()) + sum(missed.values()) >= 150
    assert len(CASES["none"]) >= 150
    for kind in {*hit, *missed, *wrong}:
        assert hit[kind] / (hit[kind] + missed[kind]) >= 0.98, (kind, mistakes)
        assert hit[kind] / (hit[kind] + wrong[kind]) >= 0.98, (kind, mistakes)
    total = sum(hit.values())
    assert total / (total + sum(missed.values())) >= 0.98, mistakes
    assert total / (total + sum(wrong.values())) >= 0.98, mistakes


@given(st.text(max_size=300) | st.text(alphabet="0123456789+-. ()@:/DEabe", max_size=120))
@settings(max_examples=300, deadline=None)
def test_findings_are_ordered_inside_the_text_and_apart(text):
    found = personal_data.find(text)
    for finding in found:
        assert 0 <= finding.start < finding.end <= len(text)
    for one, other in itertools.pairwise(found):
        assert one.end <= other.start


@given(st.lists(st.sampled_from([case for group in CASES.values() for case in group]), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_masked_text_keeps_nothing_to_mask(cases):
    masked = personal_data.mask(" | ".join(read(case, "mail")[0] for case in cases))
    assert personal_data.mask(masked) == masked


def test_masks_say_what_was_there_and_keep_the_rest():
    assert (
        personal_data.mask("ask jane@example.com or +1 202-555-0143, from 192.0.2.1")
        == "ask [MAIL] or [PHONE], from [IP]"
    )
    assert personal_data.mask("nothing here, 3-2 in 2026") == "nothing here, 3-2 in 2026"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"and secret {'aB3' * 8}, so", True),
        (f"and secret {'aB3' * 8}", True),
        (f"AWS Key {'xY7/' * 10} here", True),
        (f"token  {'Q1w2' * 6}==", True),
        ("the key considerations/recommendations follow", False),
        ("the secret ABCDEFGHIJKLMNOPQRSTUVWXYZ1", False),
        ("token internationalization2024", False),
    ],
)
def test_what_looks_drawn_by_lot_behind_a_secrets_name_is_one_without_a_sign_too(text: str, masked: bool) -> None:
    assert ("[SECRET]" in personal_data.mask(text)) == masked


def test_pseudonyms_are_stable_differ_by_salt_and_hide_the_name():
    assert personal_data.pseudonym("Jane", "a") == personal_data.pseudonym("Jane", "a")
    assert personal_data.pseudonym("Jane", "a") != personal_data.pseudonym("Jane", "b")
    assert personal_data.pseudonym("Jane", "a") != personal_data.pseudonym("John", "a")
    assert re.fullmatch("[0-9a-f]{16}", personal_data.pseudonym("Jane", "a"))


@pytest.mark.parametrize(
    "filler",
    [
        *("1 ", "a@", ":", "DE89", "(", "password", "password=", "token: ", "a at ", "a dot ", "a at b dot ", "eyJa."),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN A ",
            "aa:",
            "born on 1",
            "bearer 1",
            "x://a:",
            "sk-",
            "\u200b1",
            "1-",
        ),
    ],
)
def test_hostile_texts_end(filler):
    assert isinstance(personal_data.find((filler * 20_000)[:20_000], regions=("IN", "BR")), list)


@pytest.mark.parametrize("region", ["AD", "BR", "DE", "GB", "IN", "NU", "SG", "US"])
def test_no_number_of_a_region_is_too_short_to_be_looked_for(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = phonenumbers.PhoneNumberFormat.NATIONAL
    examples = filter(None, (phonenumbers.example_number_for_type(region, kind) for kind in range(11)))
    texts = [f"ring {phonenumbers.format_number(example, plan)}, please" for example in examples]
    found = [set(phones.phones(text, [region])) for text in texts]
    assert any(found)
    monkeypatch.setattr(phones, "_digits", lambda _: re.compile(""))
    assert [set(phones.phones(text, [region])) for text in texts] == found


def test_a_number_that_one_region_has_found_does_not_hide_another() -> None:
    text = "mine is 98765 43210, hers 11 96123-4567"
    found = {text[start:end] for start, end in phones.phones(text, ["IN", "BR", "US"])}
    assert found == {"98765 43210", "11 96123-4567"}


FORMS = [number.form for number in identity_numbers.NUMBERS if number.form]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15)
@given(data=st.data())
def test_no_form_of_an_identity_number_is_too_short_to_be_looked_for(form: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(re.compile(form, re.ASCII), fullmatch=True))
    assert identity_numbers._LONG.search(text) or identity_numbers._SHORT.search(text)


def test_notebook_02_and_the_page_of_the_service_say_what_is_recognised_and_what_is_not() -> None:
    root = Path(__file__).resolve().parents[2]
    cells = json.loads((root / "notebooks" / "02_data.ipynb").read_text(encoding="utf-8"))["cells"]
    prose = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for page in (prose, (root / "docs" / "service.md").read_text(encoding="utf-8")):
        assert personal_data.IN_WORDS in " ".join(page.split())
        assert personal_data.NOT_LOOKED_FOR in " ".join(page.split())
