"""The variational autoencoder, with the weights and allowances on the KL that are in common use."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.latent.bottleneck import draw, risen
from gdl_core.latent.bound import importance_bound
from gdl_core.networks.coders import build_decoder, build_encoder
from gdl_core.noise import Noise
from gdl_vae.config import VAEConfig
from gdl_vae.losses import Reconstruction


class VAE(Model):
    """Encodes a sample to a diagonal Gaussian and is charged for its KL from N(0, I) (Kingma & Welling 2013).

    loss = reconstruction + beta(t) · KL, in nats a sample. beta(t) rises from 0 over `warmup` (Bowman et al. 2016);
    beta ≠ 1 is the beta-VAE (Higgins et al. 2017); with `free_bits` λ each dimension is charged max(λ, its mean KL
    over the batch) (Kingma et al. 2016).
    """

    def __init__(self, config: VAEConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.encoder = build_encoder(config, data_shape, 2 * config.latent)
        self.decoder = build_decoder(config, data_shape)
        self.reconstruction = Reconstruction(config.loss, bounded=len(data_shape) == 3)
        self.input_range = (0.0, 1.0) if self.reconstruction.bounded else None
        self.observed = "binary" if config.loss == "bce" else "continuous"

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("vae", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def beta(self, progress: float) -> float:
        """Return the weight of the KL after this share of the training."""
        return risen(self.config.beta, self.config.warmup, progress)

    def _loss(self, batch: Batch) -> Losses:
        mean, log_var = self.encoder(batch.x).float().chunk(2, dim=1)  # each (batch, latent)
        z, charged, kl = draw(mean, log_var, batch.noise, self.config.free_bits)
        reconstruction = self.reconstruction(self.decoder(z).float(), batch.x, batch.training)
        loss = reconstruction + self.beta(batch.progress) * charged
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x: Tensor) -> Posterior:
        """Return q(z | x), mean and log-variance each (batch, latent)."""
        mean, log_var = self.encoder(x).float().chunk(2, dim=1)
        return Posterior(mean.contiguous(), log_var.contiguous())

    def decode(self, z: Tensor) -> Tensor:
        """Return the samples that latent points stand for, pictures in [0, 1]."""
        return self.reconstruction.output(self.decoder(z).float())

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x | z) of samples and latent points, (batch,), in nats, as `loss` has it."""
        return self.reconstruction.log_likelihood(self.decoder(z).float(), x)

    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return a lower bound of log p(x), (batch,), in nats; see `importance_bound`."""
        return importance_bound(self, x, noise, self.config.bound_samples)
