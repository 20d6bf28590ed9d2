"""Settings of stage 02: rows, cleaning, features, splits."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from loopbook.privacy import identity_numbers, phones
from loopbook.scenario.settings import Names, Settings, refuse

SplitName = Literal["train", "validation", "test", "gate", "stream"]


class Splits(Settings):
    """Shares of the five splits and of what later rounds get, and what decides where a row goes."""

    by: Literal["time", "last", "group", "stratum"] = Field(
        "stratum",
        description="time: one cut for all; last: each user's last part (of a ranking, from rows that are all there: a "
        "later row would move earlier ones; without a time by a hash of user and item); group or stratum: a hash",
    )
    train: float = Field(0.6, gt=0, lt=1)
    validation: float = Field(0.12, gt=0, lt=1)
    test: float = Field(0.12, gt=0, lt=1)
    gate: float = Field(0.06, gt=0, lt=1)
    stream: float = Field(0.1, gt=0, lt=1)
    held_back: float = Field(0.0, ge=0, lt=1, description="kept for later rounds, cut into the windows after the first")
    windows: int = Field(
        1, ge=1, le=100, description="windows of the agent's life, one a round; the stream is the first"
    )
    dates: Annotated[tuple[Annotated[date, Field(strict=False)], ...], Field(strict=False)] = Field(
        (),
        description="first day (UTC) of the stream and each later window; by time of validation, test and gate before "
        "them, for shares",
    )
    column: str | None = Field(None, description="column that says of some rows to which split they belong")
    fixed: dict[str, SplitName] = Field(
        default_factory=dict, description="value of that column: split of its rows; the other splits share the rest"
    )

    @property
    def shares(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("train", "validation", "test", "gate", "stream")}

    @property
    def ordered(self) -> bool:
        """Whether the stream lies behind what is learned from, so that no text may come again in it."""
        return self.by == "time" or bool(self.dates)

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        refuse(
            ((self.column is None) != (not self.fixed), "'column' and 'fixed' belong together: name both, or neither"),
            (self.fixed and self.by in ("time", "last"), "by time no row is fixed by a column; give 'dates'"),
            (
                self.dates and self.by in ("group", "last"),
                "'dates' are for a split by time or stratum: a group may lie on both sides",
            ),
            (self.dates and self.fixed, "'dates' and 'fixed' both say where rows go; name one of them"),
            (list(self.dates) != sorted(set(self.dates)), "'dates' must ascend"),
            (
                self.dates and len(self.dates) != self.windows + 3 * (self.by == "time"),
                f"{len(self.dates)} 'dates' are given: {'validation, test, gate, ' * (self.by == 'time')}stream "
                f"and each later window need {self.windows + 3 * (self.by == 'time')}",
            ),
        )
        total = sum(self.shares.values()) + self.held_back
        if abs(total - 1) > 1e-6:
            also = " and held_back" if self.held_back else ""
            raise ValueError(f"the five shares{also} add up to {total:g}, not 1")
        return self


class DataSettings(Settings):
    """Stage 02."""

    rows: int | None = Field(None, ge=200, description="use at most so many rows, the earliest; None: all")
    start: date | None = Field(None, strict=False, description="first day, YYYY-MM-DD; None: from the beginning")
    end: date | None = Field(None, strict=False, description="day after the window, YYYY-MM-DD; None: to the end")
    split_seed: int = Field(1, ge=0, description="seed of the hash that puts groups or rows into splits")
    max_characters: int = Field(10_000, ge=10, description="longest text, in characters; longer goes to quarantine")
    near_duplicate: float = Field(0.85, ge=0.5, le=1, description="Jaccard similarity of near duplicates")
    mask_personal_data: bool = Field(
        True,
        description="mask in texts: keys and passwords, mail, phone, card, IBAN, IP and MAC addresses, national "
        "identity numbers, dates that are called birth dates",
    )
    phone_regions: Names = Field(
        (), description="countries (IN, BR) whose phone numbers are masked without the country's code too"
    )
    identity_numbers: Names = Field(
        (), description="further identity numbers to mask beside their name, as python-stdnum calls them: hr.oib"
    )
    max_quarantine_share: float = Field(0.2, ge=0, le=1, description="stop if a larger share of rows is in quarantine")
    vocabulary_size: int = Field(8_000, ge=50, le=200_000, description="most frequent tokens of train to know")
    sequence_length: int = Field(64, ge=4, le=512, description="tokens a text; longer is cut, shorter is padded")
    scaling: Literal["standard", "minmax"] = Field("standard", description="how numbers are scaled")
    weak_labels: bool = Field(
        False,
        description="learn from rows without a label too: by what the prototype's rules say, as far as these agree "
        "with labelled rows",
    )
    unlabelled_rows: bool = Field(
        False,
        description="keep rows without a label in train, with weight 0: for masked_lm, simcse and pseudo_labels",
    )
    splits: Splits = Splits()
    window: int | None = Field(None, ge=1, description="which window is the stream; None: that of the current round")

    @field_validator("phone_regions")
    @classmethod
    def _regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [region for region in regions if not phones.known(region)]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no country; write two capital letters (ISO 3166), such as IN or BR")
        return regions

    @field_validator("identity_numbers")
    @classmethod
    def _numbers(cls, standards: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [standard for standard in standards if not identity_numbers.known(standard)]
        if unknown:
            raise ValueError(
                f"python-stdnum knows no {unknown[0]!r}; write country and number, such as hr.oib (its documentation "
                "lists them)"
            )
        return standards

    @model_validator(mode="after")
    def _window(self) -> Self:
        refuse(
            (
                self.window is not None and self.window > self.splits.windows,
                f"there is no window {self.window}: data.splits.windows is {self.splits.windows}",
            ),
            (
                self.splits.held_back and self.splits.windows == 1,
                "splits.held_back keeps rows for later rounds, so data.splits.windows must be 2 or more",
            ),
            (
                self.start and self.end and self.start >= self.end,
                f"the window's start {self.start} is not before its end {self.end}",
            ),
        )
        return self
