"""Settings of the autoencoder and the VAE. No torch is imported here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gdl_core.config import Settings


class AutoencoderConfig(Settings):
    """Settings that both models have: the networks, the reconstruction loss and the learning rate."""

    latent: int = Field(2, ge=1, le=8192, description="dimensions of the latent space")
    network: Literal["auto", "mlp", "conv"] = Field(
        "auto", description="fully connected or convolutional; auto: convolutional for pictures of 8 × 8 and more"
    )
    width: int = Field(
        0, ge=0, le=8192, description="hidden units (mlp) or channels of the first layer (conv); 0: 512 and 32"
    )
    depth: int = Field(
        0, ge=0, le=8, description="hidden layers (mlp) or halvings of the picture (conv); 0: 2, or until 4 to 7 pixels"
    )
    activation: Literal["silu", "relu", "gelu", "tanh"] = Field("silu", description="non-linearity between the layers")
    loss: Literal["bce", "mse", "gaussian"] = Field(
        "bce",
        description="reconstruction loss: binary cross-entropy, half the squared error, or a Gaussian likelihood "
        "whose variance is fitted along (sigma-VAE)",
    )
    lr: float = Field(1e-3, gt=0, le=1, description="learning rate of Adam")
    decay: Literal["none", "cosine"] = Field("cosine", description="how the learning rate falls over the training")


class VAEConfig(AutoencoderConfig):
    """Settings of the VAE: those of the autoencoder, and what is done with the KL."""

    beta: float = Field(1.0, ge=0, le=1000, description="weight of the KL (beta-VAE); 1 is the VAE, 0 no KL at all")
    free_bits: float = Field(
        0.0, ge=0, le=100, description="nats a latent dimension that the KL is not charged for; wards off collapse"
    )
    warmup: float = Field(
        0.0, ge=0, le=1, description="share of the training over which the weight of the KL rises from 0 to beta"
    )
    bound_samples: int = Field(64, ge=1, le=100_000, description="importance samples a bound of log p(x) is made of")
