"""V: a convolutional VAE that puts each frame into a few numbers (Ha & Schmidhuber 2018, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.kernels import reparameterize
from gdl_core.networks.coders import build_decoder, build_encoder
from gdl_core.noise import Noise
from gdl_world.config import VisionConfig


class Vision(Model):
    """Encodes a frame to a diagonal Gaussian of few numbers and is charged for its KL only beyond what is free.

    loss = scale · Σ error + max(KL, free_bits · latent), summed over pixels and numbers, averaged over the batch.
    Sums and free bits are what keeps the numbers in use: averaged over pixels the error is so small that they collapse.
    """

    def __init__(self, config: VisionConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.encoder = build_encoder(config, data_shape, 2 * config.latent)
        self.decoder = build_decoder(config, data_shape)
        self.input_range = (0.0, 1.0)

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("vision", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def _loss(self, batch: Batch) -> Losses:
        mean, log_var = self.encoder(batch.x).float().chunk(2, dim=1)  # each (batch, latent)
        z, kl = reparameterize(mean, log_var, key=batch.noise.key(self.config.latent), kl="none")
        kl = kl.flatten(1).sum(1) if kl.dim() > 1 else kl
        logits = self.decoder(z).float()
        squares = (logits.sigmoid() - batch.x).square()
        reconstruction = squares.flatten(1).sum(1).mean()
        error = squares
        if self.config.loss == "bce":
            error = F.binary_cross_entropy_with_logits(logits, batch.x, reduction="none")
        weighed = error.flatten(1).sum(1).mean()
        if self.config.moving:
            away = (batch.x - batch.x.mean(0)).square().mean(1, keepdim=True)  # (batch, 1, height, width)
            weight = 1 + self.config.moving * away / (away + 0.01)
            weighed = (weight * error).flatten(1).sum(1).mean()
        charged = kl.clamp(min=self.config.free_bits * self.config.latent).mean()
        loss = self.config.scale * weighed + charged
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl.mean()}

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x: Tensor) -> Posterior:
        """Return q(z | x), mean and log-variance each (batch, latent)."""
        mean, log_var = self.encoder(x).float().chunk(2, dim=1)
        return Posterior(mean.contiguous(), log_var.contiguous())

    def decode(self, z: Tensor) -> Tensor:
        """Return frames in [0, 1]."""
        frames: Tensor = self.decoder(z).float().sigmoid()
        return frames
