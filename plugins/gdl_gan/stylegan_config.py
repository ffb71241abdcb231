"""Settings of the style-based GAN. No torch is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from gdl_core.config import Settings

GAMMA_PER_PIXEL = 5e-4
"""Weight of R1 for each pixel of a picture: 0.5 for 32 × 32, 2 for 64 × 64."""


class StyleGANConfig(Settings):
    """Settings of the networks, of the game, and of what keeps both players in bounds."""

    latent: int = Field(128, ge=2, le=8192, description="dimensions of the latent space Z")
    style: int = Field(128, ge=1, le=8192, description="dimensions of the intermediate latent space W")
    mapping: int = Field(4, ge=1, le=16, description="fully connected layers from Z to W")
    mapping_rate: float = Field(
        0.01, gt=0, le=1, description="learning rate of the mapping, as a share of the generator's"
    )
    network: Literal["stylegan2", "dcgan"] = Field(
        "stylegan2",
        description="stylegan2: styles scale the weights of filtered convolutions; dcgan: they scale and shift the "
        "normalised features of DCGAN's layers, for short trainings",
    )
    width: int = Field(32, ge=1, le=1024, description="channels nearest the picture, doubled with each halving of it")
    most: int = Field(128, ge=1, le=1024, description="channels that no layer goes beyond")
    fold: bool = Field(
        False,
        description="no layer at the full resolution: pixels are folded 2 × 2 into channels",
    )
    noise: bool = Field(
        True, description="add noise to every layer, of a strength that is learned; flat drawings do better without"
    )
    critic: Literal["auto", "residual", "plain", "dcgan"] = Field(
        "auto",
        description="residual: two convolutions and a shortcut for each halving; plain: one; dcgan: "
        "one without filters; auto: residual for stylegan2, dcgan for dcgan",
    )
    group: int = Field(4, ge=1, le=1024, description="samples whose standard deviation the critic is told")
    mixing: float = Field(0.9, ge=0, le=1, description="share of training samples made of two styles")
    mean_decay: float = Field(0.998, ge=0, lt=1, description="decay of the mean of W, towards which truncation draws")
    gamma: float | None = Field(
        None, ge=0, le=1000, description="weight of R1; left out: what fits the number of pixels"
    )
    lazy: int = Field(16, ge=1, le=1024, description="turns of the critic from one R1 to the next")
    path_weight: float | None = Field(
        None, ge=0, le=1000,
        description="weight of the path length regularisation; left out: 2 of stylegan2, 0 of dcgan, which has none",
    )  # fmt: skip
    path_every: int = Field(8, ge=1, le=1024, description="turns of the generator from one path length to the next")
    path_shrink: int = Field(
        2, ge=1, le=64, description="share of the batch that path lengths are taken of: 1 in so many"
    )
    path_decay: float = Field(0.99, ge=0, lt=1, description="decay of the mean path length")
    lr: float = Field(2e-3, gt=0, le=1, description="learning rate of the generator")
    critic_lr: float = Field(0.0, ge=0, le=1, description="learning rate of the critic; 0: the generator's")
    beta1: float = Field(0.0, ge=0, lt=1, description="Adam's decay of the first moment")
    beta2: float = Field(0.99, ge=0, lt=1, description="Adam's decay of the second moment")
    decay: Literal["none", "cosine"] = Field("none", description="how the learning rates fall over the training")
    kernels: Literal["fused", "reference"] = Field(
        "fused", description="biased activations and resampling by gdl's kernels, or in plain torch"
    )

    @model_validator(mode="after")
    def _fits(self) -> StyleGANConfig:
        if self.fold and self.network == "dcgan":
            raise ValueError("'fold' is of network stylegan2; leave it out")
        if self.path_weight and self.network == "dcgan":
            raise ValueError(
                "'path_weight' is of network stylegan2: with dcgan a picture in training depends on its whole batch, "
                "and has no path of its own; leave it out"
            )
        return self

    @property
    def path(self) -> float:
        """Weight of the path length regularisation."""
        return (2.0 if self.network == "stylegan2" else 0.0) if self.path_weight is None else self.path_weight

    @property
    def critic_kind(self) -> Literal["residual", "plain", "dcgan"]:
        """The critic that is built."""
        if self.critic == "auto":
            return "dcgan" if self.network == "dcgan" else "residual"
        return self.critic

    @property
    def impl(self) -> Literal["auto", "reference"]:
        """What every call of a kernel is told."""
        return "reference" if self.kernels == "reference" else "auto"

    def penalty_weight(self, data_shape: Sequence[int]) -> float:
        """Weight of R1 for pictures (channels, height, width): in proportion to their pixels where it is left out."""
        return GAMMA_PER_PIXEL * data_shape[1] * data_shape[2] if self.gamma is None else self.gamma

    def optimiser(self, lr: float, every: int) -> tuple[float, tuple[float, float]]:
        """Return Adam's learning rate and decays for a player with a penalty every so many turns; 0: it has none.

        Karras et al. 2020, appendix B: c = k / (k + 1); the rate is multiplied by c, the decays are raised to it.
        """
        c = every / (every + 1) if every else 1.0
        return lr * c, (self.beta1**c, self.beta2**c)
