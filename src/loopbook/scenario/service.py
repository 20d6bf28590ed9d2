"""Settings of the service: limits, and when it is alerted of itself; no stage reads this."""

from typing import Literal

from pydantic import Field

from loopbook.scenario.settings import Settings


class ServiceSettings(Settings):
    """The agent as a service."""

    decisions_per_second: float = Field(
        2_000, gt=0, description="decisions that one caller may ask for, all workers and replicas together"
    )
    burst_seconds: float = Field(5, gt=0, le=3_600, description="seconds of unused allowance that a caller may save up")
    body_bytes: int = Field(4_000_000, ge=1_000, le=100_000_000, description="largest body of a request")
    receive_seconds: float = Field(10, gt=0, le=600, description="time in which a request must have arrived")
    answer_seconds: float = Field(30, gt=0, le=600, description="time after which a caller is told to come back")
    explain_seconds: float = Field(5, gt=0, le=60, description="time in which an explanation must be found")
    session_hours: float = Field(12, gt=0, le=720, description="hours after which people sign in again")
    open_metrics: bool = Field(False, description="/metrics asks for no key: for a network that only you reach")
    alert_seconds: float = Field(60, gt=0, le=3_600, description="window over which the service watches itself")
    alert_p99: float = Field(0.25, gt=0, description="seconds: 99 % of answers are to be faster, else an alert")
    alert_error_share: float = Field(0.01, gt=0, le=1, description="share of answers that failed inside (5xx)")
    alert_queue: float = Field(0.1, gt=0, description="seconds in the queue, 99 % of decisions")
    batch_most: int = Field(64, ge=1, le=1_000, description="decisions made at once under load; 1: each by itself")
    batch_wait: float = Field(0.002, ge=0, le=1, description="seconds that a decision waits for others to be made with")
    queue_most: int = Field(2_000, ge=1, description="decisions that may wait in a worker; else callers come back")
    hung_seconds: float = Field(
        30, ge=2, le=3_600, description="seconds without a sign of life after which a worker is killed and replaced"
    )
    follow_seconds: float = Field(2, gt=0, le=3_600, description="seconds between two looks for what to serve")
    scale_queue: float = Field(
        0.05, gt=0, description="seconds in the queue, 95 % of decisions, above which workers are added (--workers 1:4)"
    )
    scale_calm_seconds: float = Field(
        60, gt=0, le=86_400, description="seconds for which fewer workers must have sufficed before one is taken away"
    )
    review_seconds: float = Field(300, ge=5, le=86_400, description="time for which an item is one reviewer's own")
    review_twice: float = Field(
        0.1, ge=0, le=1, description="share of items that two review independently; a third decides where they differ"
    )
    review_known: float = Field(
        0.05, ge=0, le=0.5, description="share of what a reviewer is shown whose truth is known, to judge reviewers by"
    )
    desk_room: int = Field(
        32,
        ge=1,
        description="customers of the support desk who may wait for its reply in a worker; else a person writes",
    )
    desk_seconds: float = Field(
        12, gt=0, le=120, description="time in which the support desk must reply; else a person writes"
    )
    challenger: Literal["none", "shadow", "share"] = Field(
        "shadow",
        description="what a challenger that `trial start` names does: nothing; decide beside the champion, unseen; or "
        "decide a share of the rows",
    )
    challenger_share: float = Field(0.1, gt=0, le=0.5, description="share of the rows that it decides, by their hash")
    challenger_error: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="chance of ever finding a challenger better that is not, however often one looks",
    )
