"""Settings of stage 01: survey and prototype."""

from pydantic import Field

from loopbook.scenario.settings import Names, Settings


class RequirementsSettings(Settings):
    """Stage 01."""

    days: int = Field(14, ge=1, le=365, description="days to simulate or to replay")
    prototype_threshold: int = Field(1, ge=1, le=20, description="rule hits from which the prototype acts")
    survey: str | None = Field(
        None, description="CSV file of answers, relative to the project's root: person, need, rating (1-5), comment"
    )
    terms: dict[str, Names] = Field(
        default_factory=dict,
        description="the prototype's rules for texts: words by name; of more than two classes the name of the class",
    )
    rules: dict[str, str | dict[str, str]] = Field(
        default_factory=dict,
        description="the prototype's rules for tables: a field, and '> 3.5', '< 1' or '== value'; of more than two "
        "classes one by the name of each class that it speaks for",
    )
    otherwise: str | None = Field(
        None, description="class that the prototype takes where no rule speaks; None: the most frequent (of two: no)"
    )
