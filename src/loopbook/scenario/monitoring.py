"""Settings of stage 06: false-alarm budget, windows, what is watched."""

from pydantic import Field

from loopbook.scenario.settings import Names, Settings


class SentimentSettings(Settings):
    """Which of the answers says how a text sounds."""

    output: str = Field(description="the further output that holds it, or the column of the label")
    negative: Names = Field(("negative",), min_length=1, description="classes that are bad news")
    positive: Names = Field(("positive",), min_length=1, description="classes that are good news")
    budget: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the false alarms that the check over all rows may raise; the others share the rest",
    )


class MonitoringSettings(Settings):
    """Stage 06."""

    false_alarms: float = Field(
        1.0, gt=0, le=100, description="alerts to expect a hundred days in which nothing happened"
    )
    window_days: int = Field(7, ge=1, le=90, description="longest current window that is compared with the reference")
    label_delay_days: int = Field(5, ge=0, le=90, description="days until the outcome of a decision is known")
    min_effect: float = Field(0.05, ge=0, description="smallest drift worth an alert (population stability index)")
    min_gap: float = Field(
        0.08, ge=0, le=1, description="smallest difference of recall (or accuracy) between groups worth an alert"
    )
    segments: Names = Field((), description="columns in whose values surges are looked for; several joined by |")
    sentiment: SentimentSettings | None = Field(
        None, description="watched for surges of bad news; left out: rows and actions are counted only"
    )
    quality_windows: int = Field(1, ge=1, le=90, description="latest windows whose quality is listed")
    replay_days: int = Field(14, ge=2, le=365, description="days into which a log without times is cut")
