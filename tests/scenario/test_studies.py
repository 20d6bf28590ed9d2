"""A scenario names its studies: a name alone has the defaults, a mistake its line; what is written is read again."""

from pathlib import Path

import pytest
from tests.conftest import SCENARIO

from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.honest_numbers import HonestNumbersSettings


def load(folder: Path, studies: str, profile: str = "standard") -> Scenario:
    (folder / "tiny.yaml").write_text(SCENARIO + studies)
    return loading.load("tiny", folder, profile)


@pytest.mark.parametrize("text", ["", "studies: {}\n"])
def test_without_the_section_there_are_no_studies(tmp_path: Path, text: str) -> None:
    scenario = load(tmp_path, text)
    assert scenario.studies.named == ()
    assert scenario.model_dump(mode="json")["studies"] == {}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("studies:\n  honest_numbers:\n", HonestNumbersSettings()),
        ("studies: {honest_numbers: {}}\n", HonestNumbersSettings()),
        ("studies:\n  honest_numbers: {draws: 5}\n", HonestNumbersSettings(draws=5)),
        ("profiles: {smoke: {studies: {honest_numbers: {draws: 1}}}}\n", HonestNumbersSettings(draws=1)),
    ],
)
def test_a_named_study_has_its_settings_and_is_written_as_it_is_read(
    tmp_path: Path, text: str, wanted: HonestNumbersSettings
) -> None:
    scenario = load(tmp_path, text, "smoke")
    assert scenario.studies.named == ("honest_numbers",)
    assert scenario.studies.honest_numbers == wanted
    assert Scenario.model_validate(scenario.model_dump(mode="json")).studies == scenario.studies


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("studies:\n  honestnumbers:\n", r":2: studies\.honestnumbers is not known. Did you mean 'honest_numbers'"),
        ("studies:\n  honest_numbers:\n    size: 3\n", r":3: studies\.honest_numbers\.size is not .*mean 'sizes'"),
        ("studies:\n  honest_numbers: {sizes: 1}\n", r":2: studies\.honest_numbers\.sizes is 1, but should be gr"),
        ("studies:\n  honest_numbers: [3]\n", r":2: studies\.honest_numbers is \[3\], but should be a mapping"),
        ("studies: [honest_numbers]\n", r":1: studies is \['honest_numbers'\], but should be a mapping"),
    ],
)
def test_a_mistake_has_its_line_and_the_likely_intent(tmp_path: Path, text: str, message: str) -> None:
    line, _, said = message[1:].partition(":")
    with pytest.raises(ScenarioError, match=f":{SCENARIO.count(chr(10)) + int(line)}:{said}"):
        load(tmp_path, text)
