"""Settings of the study ``unlabelled``: topics, and anomaly scores."""

from typing import Literal

from pydantic import Field

from loopbook.scenario.settings import Settings


class UnlabelledSettings(Settings):
    """Study ``unlabelled``."""

    topics: int = Field(10, ge=2, le=50, description="topics, or clusters of a table's rows, to find")
    by: Literal["kmeans", "nmf"] = Field(
        "kmeans", description="k-means of the encoder's embeddings or of the table; nmf: factorisation of TF-IDF"
    )
    score: Literal["autoencoder", "nearest_centre"] = Field("autoencoder", description="how unlike train a row is")
    level: float = Field(0.05, gt=0, lt=1, description="a row is unusual whose score so few rows like train reach")
    most: int = Field(4_000, ge=100, description="rows of each split that are looked at, drawn if there are more")
    draw_seed: int = Field(1, ge=0, description="seed of what is drawn, of the clusters and of the autoencoder")
