"""Settings of the model and of the dataset."""

from pydantic import Field

from gdl_core.config import Settings


class SwirlConfig(Settings):
    arms: int = Field(3, ge=1, le=12, description="arms of the swirl")
    lr: float = Field(1e-2, gt=0, description="learning rate of Adam")


class SwirlsConfig(Settings):
    n: int = Field(64, ge=4, le=100_000, description="pictures")
    size: int = Field(16, ge=8, le=256, description="width and height in pixels")
