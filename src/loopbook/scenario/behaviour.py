"""Settings of the study ``behaviour``: behavioural tests, robustness to perturbations, completeness of attributions."""

from pydantic import Field

from loopbook.scenario.settings import Settings


class BehaviourSettings(Settings):
    """Study ``behaviour``."""

    tests: str = Field(
        description="CSV file of behavioural tests, relative to the project's root: kind, capability, expected, and by "
        "their names the task's fields, and 'changed ' and their names"
    )
    sure: float = Field(
        0.95, gt=0.5, le=1, description="probability from which a class need not become more probable still"
    )
    rows: int = Field(500, ge=20, description="rows of test that are perturbed, and rows from elsewhere, at most")
    words: float = Field(0.1, gt=0, lt=1, description="share of the words that a perturbation hits")
    jitter: float = Field(0.01, gt=0, le=1, description="noise on a number, in standard deviations of its field")
    noise_seed: int = Field(1, ge=0, description="seed of the perturbations")
    elsewhere: str = Field(
        "", description="data set of the catalog, of the same columns, on which the champion is judged too; empty: none"
    )
    explained: int = Field(20, ge=2, le=1_000, description="rows of test whose attributions are added up")
