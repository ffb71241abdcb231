"""Settings of the datasets and models of music. No torch is imported here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gdl_core.config import InputPath, Settings

HeldOut = Annotated[float, Field(ge=0.0, le=0.5, description="Share of the pieces that is never trained on.")]
Bars = Annotated[int, Field(ge=1, le=64, description="Bars of 4/4 in a sample.")]
Hop = Annotated[int, Field(ge=1, le=64, description="Bars from the beginning of one sample to that of the next.")]
Transpose = Annotated[
    int, Field(ge=0, le=11, description="Semitones up and down by which what is trained on is transposed besides.")
]


class ChoralesConfig(Settings):
    """Bach's chorales in four voices, from the corpus of the library music21."""

    bars: Bars = 2
    hop: Hop = 1
    transpose: Transpose = 0
    held_out: HeldOut = 0.1


class TunesConfig(Settings):
    """Tunes of O'Neill, Ryan and Aird, from the corpus of the library music21."""

    bars: Bars = 2
    hop: Hop = 1
    transpose: Transpose = 0
    held_out: HeldOut = 0.1


class MidiConfig(Settings):
    """Your own MIDI files."""

    path: InputPath = Field(description="A folder of .mid files, searched with all its subfolders, or one file.")
    voices: Annotated[int, Field(ge=1, le=16, description="Tracks with notes that a file must have.")] = 1
    take: Literal["tracks", "top"] = Field(
        "tracks", description="tracks: a voice each; top: the highest note of all that sound, as one voice."
    )
    bars: Bars = 2
    hop: Hop = 1
    transpose: Transpose = 0
    held_out: HeldOut = 0.1


class MusicVAEConfig(Settings):
    """Settings of `music_vae`."""

    latent: int = Field(32, ge=1, le=4096, description="numbers that a tune is put into")
    width: int = Field(64, ge=2, le=65536, description="numbers that a code is put into")
    hidden: int = Field(256, ge=2, le=65536, description="units of the recurrent networks")
    bar: int = Field(16, ge=1, le=1024, description="steps that the conductor thinks of at a time: a bar")
    free_bits: float = Field(
        0.1, ge=0, le=100, description="nats a latent number that the KL of a tune is not charged for (0: none)"
    )
    beta: float = Field(0.2, ge=0, le=1000, description="weight of the KL")
    warmup: float = Field(0.2, ge=0, le=1, description="share of the training over which the KL gets its weight")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of numbers that are dropped while training")
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of Adam")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    bound_samples: int = Field(16, ge=1, le=5000, description="draws of the bound of log p(x)")
    grid: dict[str, Any] = Field({}, description="what the notes are; filled in by the data")


class MusicTransformerConfig(Settings):
    """Settings of `music_transformer`."""

    layers: int = Field(4, ge=1, le=256, description="blocks of attention and perceptron")
    heads: int = Field(4, ge=1, le=256, description="heads of attention")
    width: int = Field(128, ge=2, le=65536, description="numbers that a code is put into")
    bar: int = Field(16, ge=1, le=1024, description="steps of a bar: it knows where in a bar it is")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of numbers that are dropped while training")
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of AdamW")
    weight_decay: float = Field(0.1, ge=0, le=10, description="weight decay of AdamW")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    warmup: float = Field(0.02, ge=0, le=1, description="share of the training over which the learning rate rises")
    grid: dict[str, Any] = Field({}, description="what the notes are; filled in by the data")

    @model_validator(mode="after")
    def _fits(self) -> MusicTransformerConfig:
        if self.width % self.heads or (self.width // self.heads) % 2:
            told = {"width": self.width, "heads": self.heads}
            raise PydanticCustomError("heads", "width {width} should be an even number for each of {heads} heads", told)
        return self


class MuseGANConfig(Settings):
    """Settings of `musegan`."""

    shared: int = Field(32, ge=1, le=4096, description="latent numbers that all voices share")
    private: int = Field(16, ge=0, le=4096, description="latent numbers of each voice alone")
    width: int = Field(64, ge=4, le=4096, description="channels of the layers")
    n_critic: int = Field(5, ge=1, le=100, description="turns of the critic for each of the generator")
    penalty_weight: float = Field(10.0, ge=0, le=1e4, description="weight of the gradient penalty")
    lr: float = Field(2e-4, gt=0, le=1, description="learning rate of Adam, of both players")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    grid: dict[str, Any] = Field({}, description="what the notes are; filled in by the data")
