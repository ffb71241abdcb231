"""Settings of the probe. No torch is imported here."""

from __future__ import annotations

from pydantic import Field

from gdl_core.config import Settings


class Target(Settings):
    """What the probe has to know of a column; filled in from the data."""

    names: tuple[str, ...] = Field(description="the categories, in the order of their codes")
    commonest: int = Field(ge=0, description="code of the commonest category among the training samples")


class ProbeConfig(Settings):
    """Settings of the probe."""

    columns: tuple[str, ...] = Field((), description="columns to classify by; every column of categories if left out")
    width: int = Field(24, ge=4, le=1024, description="channels of the first layer (pictures) or hidden units / 8")
    features: int = Field(
        0, ge=0, le=4096, description="units of one more layer before the softmax, in which samples are then compared; "
        "0: none",
    )  # fmt: skip
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the last features left out at each step")
    lr: float = Field(2e-3, gt=0, le=1, description="learning rate of Adam")
    shift: float = Field(
        0.0, ge=0, le=0.5, description="most that training pictures are shifted each way, as a share of their sides"
    )
    rotate: float = Field(0.0, ge=0, le=180, description="most that training pictures are turned each way, in degrees")
    targets: dict[str, Target] = Field(
        default_factory=dict, description="categories of the columns; filled in from the data, leave it out"
    )
