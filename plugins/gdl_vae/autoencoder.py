"""The autoencoder: an encoder, a decoder, and a bottleneck between them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.networks.coders import build_decoder, build_encoder
from gdl_vae.config import AutoencoderConfig
from gdl_vae.losses import Reconstruction


class Autoencoder(Model):
    """Encodes a sample to one latent point and decodes it again (Hinton & Salakhutdinov 2006).

    It has no prior: nothing says where in the latent space samples may be drawn, so it does not fill `samples`.
    """

    def __init__(self, config: AutoencoderConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.encoder = build_encoder(config, data_shape, config.latent)
        self.decoder = build_decoder(config, data_shape)
        self.reconstruction = Reconstruction(config.loss, bounded=len(data_shape) == 3)
        self.input_range = (0.0, 1.0) if self.reconstruction.bounded else None

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("autoencoder", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def _loss(self, batch: Batch) -> Losses:
        logits = self.decoder(self.encoder(batch.x)).float()
        reconstruction = self.reconstruction(logits, batch.x, batch.training)
        return {"loss": reconstruction, "reconstruction": reconstruction}

    def encode(self, x: Tensor) -> Posterior:
        """Return the latent point of each sample, (batch, latent), without a variance."""
        return Posterior(self.encoder(x).float())

    def decode(self, z: Tensor) -> Tensor:
        """Return the samples that latent points stand for, pictures in [0, 1]."""
        return self.reconstruction.output(self.decoder(z).float())
