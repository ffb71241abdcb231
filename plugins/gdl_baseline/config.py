"""Settings of the baselines. No torch is imported here."""

from __future__ import annotations

from pydantic import Field

from gdl_core.config import Settings


class BoxConfig(Settings):
    """The box has no settings: it is what the training samples span."""


class HistogramConfig(Settings):
    """Settings of the histogram."""

    levels: int = Field(
        0,
        ge=0,
        le=256,
        description="bins of each pixel or number; 0: 256 for pictures, which is exact, and 32 for vectors",
    )


class GaussianConfig(Settings):
    """Settings of probabilistic PCA."""

    latent: int = Field(32, ge=1, le=8192, description="principal components; at most as many as a sample has numbers")
    noise: bool = Field(
        False, description="add to samples the noise that stands for what the components leave out; grainy in pictures"
    )


class CopyConfig(Settings):
    """Settings of the memoriser."""

    n: int = Field(1000, ge=1, le=1_000_000, description="training samples to repeat, at most all of them")


class FewConfig(Settings):
    """Settings of the generator that makes few kinds of samples."""

    n: int = Field(100, ge=1, le=100_000, description="training samples that it knows, at most all of them")
    reach: float = Field(0.5, gt=0, le=1, description="how far it goes from one of them to its nearest neighbour")


class CollapsedConfig(Settings):
    """Settings of the generator that makes one kind of sample."""

    neighbours: int = Field(50, ge=2, le=100_000, description="training samples around one of them that it learns from")
    latent: int = Field(16, ge=1, le=8192, description="principal components in which these vary")
