"""Settings of the models of a world. No torch is imported here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gdl_core.config import Settings


class VisionConfig(Settings):
    """Settings of V, which puts what is seen into a few numbers."""

    latent: int = Field(32, ge=1, le=1024, description="numbers that a frame is put into")
    network: Literal["conv", "mlp"] = Field("conv", description="convolutional or fully connected")
    width: int = Field(16, ge=1, le=1024, description="channels of the first layer (conv) or hidden units (mlp)")
    depth: int = Field(0, ge=0, le=8, description="halvings of the picture or hidden layers; 0: until 4 to 7 pixels, 2")
    activation: Literal["silu", "relu", "gelu", "tanh"] = Field("silu", description="non-linearity between the layers")
    free_bits: float = Field(
        0.5, ge=0, le=100, description="nats a latent number that the KL of a frame is not charged for"
    )
    loss: Literal["bce", "mse"] = Field(
        "bce", description="error of a pixel: cross-entropy, which finds small things sooner, or the paper's squares"
    )
    scale: float = Field(1.0, gt=0, le=1e4, description="weight of the error, summed over all pixels, beside the KL")
    moving: float = Field(
        0.0, ge=0, le=1000, description="how much more pixels count that are not as they are on average: small things"
    )
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of Adam")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")


class MemoryConfig(Settings):
    """Settings of M, which learns how the numbers go on when something is done."""

    hidden: int = Field(256, ge=1, le=8192, description="units of the LSTM")
    mixtures: int = Field(5, ge=1, le=64, description="Gaussians of the mixture that each number is drawn from")
    ended_weight: float = Field(
        10.0, ge=0, le=1000, description="how much more a step counts, for the end of episodes, that was the last"
    )
    reward_weight: float = Field(
        1.0, ge=0, le=1000, description="weight of the squared error of the reward, as a share of its variance"
    )
    ensemble: int = Field(
        0, ge=0, le=64, description="small networks beside it, whose disagreement tells a curious player where to go"
    )
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of Adam")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    latent: int = Field(0, ge=0, le=1024, description="numbers of V; filled in by the data")
    actions: int = Field(0, ge=0, le=1024, description="numbers that tell of an action; filled in by the data")
    reward_variance: float = Field(
        1.0, gt=0, description="variance of a step's reward; filled in by the data, 1 where all are the same"
    )


class AgentConfig(Settings):
    """Settings of an agent: those of its V and M, and what its controller decides by. The step `evolve` makes them."""

    vision: dict[str, Any] = Field(description="settings of the model world/vision that it sees by")
    memory: dict[str, Any] | None = Field(None, description="settings of its world/memory; none: it has only V")
    sequence: tuple[int, int] = Field((1, 1), description="data shape of the memory: steps and numbers a step")
    cell: bool = Field(True, description="its controller knows the cell of the memory's LSTM beside its output")
    draws: bool = Field(True, description="it sees a draw from V's posterior of a frame; false: the posterior's mean")
    choices: int = Field(0, ge=0, le=1024, description="actions to choose from; 0 where actions are numbers")
    numbers: int = Field(0, ge=0, le=1024, description="numbers of an action; 0 where actions are choices")
