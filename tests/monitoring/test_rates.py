import pytest

from loopbook.monitoring import rates


@pytest.mark.parametrize(
    ("value", "expected", "share", "told"),
    [
        (0.98, 0.44, True, "share of “bearish” up from 44% to 98%"),
        (0.0011, 0.0042, True, "share of “bearish” down from 0.4% to 0.1%"),
        (12.5, 3.25, False, "share of “bearish” up from 3.25 to 12.5"),
        (1.00001, 1.0, False, "share of “bearish” up from 1 to 1.00001"),
    ],
)
def test_a_change_is_told_with_direction_and_numbers(value: float, expected: float, share: bool, told: str) -> None:
    assert rates.moved("share of “bearish”", value, expected, share=share) == told.replace("1.00001", "1.00001")
