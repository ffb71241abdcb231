"""pythae's VAE over networks of ours. Needs pythae; it is imported when a function here is called."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn


def pythae_vae(encoder: nn.Module, decoder: nn.Module, latent: int, shape: tuple[int, ...]) -> Any:
    """Return pythae's VAE with a Bernoulli likelihood; the networks are shared, not copied.

    Args:
        encoder: gives mean and log-variance, (batch, 2 latent), of samples (batch, *shape).
        decoder: gives logits (batch, *shape) of points (batch, latent).
        latent: dimensions of the latent space.
        shape: of a sample.

    Raises:
        ImportError: pythae is not installed.
    """
    from pythae import models
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    logging.disable(logging.WARNING)

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net, self.latent_dim = encoder, latent

        def forward(self, x: Tensor) -> Any:
            mean, log_var = self.net(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))

    config = models.VAEConfig(input_dim=shape, latent_dim=latent, reconstruction_loss="bce")
    return models.VAE(config, encoder=Encoder(), decoder=Decoder())
