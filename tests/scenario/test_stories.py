"""Stories: the criteria that approved changes of requirements add."""

from loopbook.scenario.stories import asked_for


def test_approved_criteria_are_one_story_and_notes_are_none() -> None:
    asked = {
        "id": "segment-1",
        "kind": "criterion",
        "segment": "place=north",
        "text": "No worse",
        "stage": "07_feedback",
    }
    asked |= {"metric": "worse_segments", "comparison": "==", "threshold": 0}
    note = {"id": "comments-1", "kind": "look into", "text": "They speak of delays."}
    (story,) = asked_for([note, asked])
    assert [criterion.id for criterion in story.criteria] == ["segment-1"]
    assert story.criteria[0].met(0) and not story.criteria[0].met(1)
    assert asked_for([note]) == asked_for([]) == ()
