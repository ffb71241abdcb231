"""Settings of the GAN. No torch is imported here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gdl_core.config import Settings

Loss = Literal["bce", "hinge", "relativistic", "wgan", "wgan-gp"]
Change = Literal["colour", "translation", "cutout"]


def _listed(value: Any) -> Any:
    if value is None or value == "none":
        return ()
    return tuple(word.strip() for word in value.split(",")) if isinstance(value, str) else value


Policy = Annotated[tuple[Change, ...], BeforeValidator(_listed, json_schema_input_type=str | None | tuple[Change, ...])]
"""Changes of augmentation: a list, words with commas between them, or "none"."""


class GANConfig(Settings):
    """Settings of the networks, of the game, and of what keeps the critic in bounds."""

    latent: int = Field(64, ge=1, le=8192, description="dimensions of the latent space")
    network: Literal["auto", "dcgan", "resnet", "coder", "mlp"] = Field(
        "auto",
        description="dcgan, resnet, the VAE's own encoder and decoder (coder), or fully connected (mlp); "
        "auto: dcgan for pictures of 8 × 8 and more",
    )
    width: int = Field(
        0, ge=0, le=8192, description="channels of the layer nearest the picture, or hidden units (mlp); 0: 32 and 128"
    )
    depth: int = Field(
        0, ge=0, le=8, description="doublings of the picture, or hidden layers (mlp); 0: from 4 to 7 pixels, or 3"
    )
    loss: Loss = Field(
        "bce",
        description="bce: non-saturating; hinge; relativistic: R3GAN's, with both penalties; wgan: with clipped "
        "weights; wgan-gp: with a gradient penalty",
    )
    n_critic: int = Field(0, ge=0, le=100, description="turns of the critic to one of the generator; 0: 5 for wgan and "
                          "wgan-gp, else 1")  # fmt: skip
    gamma: float | None = Field(
        None, ge=0, le=1000,
        description="weight of the penalty on the critic's gradient: R1 (and R2 of relativistic), or WGAN-GP's lambda; "
        "left out: what fits the loss",
    )  # fmt: skip
    lazy: int = Field(
        0, ge=0, le=1024, description="turns from one penalty to the next, which then counts so much more; 0: 16 for "
        "R1, else every turn",
    )  # fmt: skip
    clip: float = Field(0.01, gt=0, le=10, description="wgan: bound of the critic's weights")
    lr: float = Field(0.0, ge=0, le=1, description="learning rate of the generator; 0: what fits the loss")
    critic_lr: float = Field(0.0, ge=0, le=1, description="learning rate of the critic; 0: the generator's")
    beta1: float = Field(0.0, ge=0, lt=1, description="Adam's decay of the first moment")
    beta2: float = Field(0.99, ge=0, lt=1, description="Adam's decay of the second moment")
    decay: Literal["none", "cosine"] = Field("none", description="how the learning rates fall over the training")
    augment: Policy = Field(
        (), description="random changes through which the critic sees real and made pictures, where there are few: "
        "none, or some of colour, translation, cutout",
    )  # fmt: skip
    condition: str | None = Field(
        None, description="a column of categories that samples can be asked for by; left out: no labels are used"
    )
    categories: tuple[tuple[str, float], ...] = Field(
        (),
        description="categories of the condition, in the order of their codes, and their shares of the training "
        "samples; filled in from the data, leave it out",
    )

    @model_validator(mode="after")
    def _fits(self) -> GANConfig:
        if self.loss == "wgan" and self.gamma:
            raise ValueError("'gamma' is of gradient penalties; wgan bounds the critic by 'clip' instead")
        if self.loss != "wgan" and self.clip != type(self).model_fields["clip"].default:
            raise ValueError(f"'clip' is of wgan; {self.loss} bounds the critic by 'gamma' instead")
        if self.lazy and not self.penalty_weight:
            raise ValueError("'lazy' is of gradient penalties, and there is none; leave it out")
        return self

    @property
    def inputs(self) -> int:
        """Numbers that the generator is given: a latent point and, of a conditional one, the category, one-hot."""
        return self.latent + len(self.categories)

    @property
    def critic_turns(self) -> int:
        """Turns of the critic to one of the generator."""
        return self.n_critic or (5 if self.loss in ("wgan", "wgan-gp") else 1)

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of the generator and of the critic."""
        generator = self.lr or (5e-4 if self.loss in ("wgan", "wgan-gp") else 2e-3)
        return generator, self.critic_lr or generator

    @property
    def penalty_weight(self) -> float:
        """Weight of the gradient penalty."""
        defaults = {"bce": 0.1, "hinge": 0.1, "relativistic": 0.1, "wgan": 0.0, "wgan-gp": 10.0}
        return defaults[self.loss] if self.gamma is None else self.gamma

    @property
    def penalty_every(self) -> int:
        """Turns of the critic from one penalty to the next."""
        return self.lazy or (16 if self.loss in ("bce", "hinge") else 1)
