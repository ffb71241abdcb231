"""Settings of the training loop. No torch is imported here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gdl_core.config import Duration, Settings


class TrainingConfig(Settings):
    """How long and in what way to train; what is learned belongs to the model's own settings."""

    duration: Duration = Field(Duration(20, "epochs"), description="how long, like '40 epochs' or '2000 steps'")
    batch: int = Field(128, ge=1, le=65536, description="samples in a batch")
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="keep a moving average of the weights with this decay, like 0.999, and end with it",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="arithmetic of the layers; auto measures once whether bf16 pays on this machine"
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 …")
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads of torch; as they are if left out")
    held_out: int = Field(
        1024,
        ge=0,
        description="held-out samples at most that each point of the curve is measured on; never more than were "
        "trained on since the last one",
    )
    every: Duration | None = Field(
        None, description="distance of the curve's points; left out: one epoch, or a fiftieth of a duration in steps"
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="seconds between checkpoints; 0 writes one after every step"
    )
    keep: int = Field(2, ge=1, le=1000, description="newest checkpoints to keep")
    finite_every: int = Field(50, ge=1, description="steps between checks that all losses are finite")
    preview_every: int = Field(
        10, ge=1, description="points of the curve between previews; there are also previews at points 1, 2, 4, 8 …"
    )
    collapse: Literal["warn", "stop"] = Field(
        "warn", description="what to do when the posterior or the generator has collapsed"
    )
