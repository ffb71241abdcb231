"""The GAN: a game of two players, of which the core's loop keeps one still while the other moves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.noise import Noise
from gdl_gan.config import GANConfig
from gdl_gan.losses import critic_loss, generator_loss
from gdl_gan.networks import build_critic, build_generator
from gdl_gan.penalties import one_centred, zero_centred


class GAN(Model):
    """A generator makes samples of N(0, I); a critic, first in each round, learns to tell them from real ones.

    The default is the non-saturating loss with R1 on every sixteenth turn of the critic (Goodfellow et al. 2014;
    Mescheder et al. 2018; Karras et al. 2020, section 3.1, for the lazy penalty).
    """

    def __init__(self, config: GANConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.is_pictures = len(data_shape) == 3
        self.input_range = (0.0, 1.0) if self.is_pictures else None
        self.generator = build_generator(config, data_shape)
        self.critic = build_critic(config, data_shape)

    def players(self) -> Sequence[Player]:
        """The critic, with its turns, and then the generator."""
        config: GANConfig = self.config
        betas = (config.beta1, config.beta2)
        rate, critic_rate = config.rates
        return [
            Player(
                "critic", [self.critic], self._critic_loss, config.critic_turns, critic_rate, betas,
                decay=config.decay, after=self._clip if config.loss == "wgan" else None,
            ),
            Player("generator", [self.generator], self._generator_loss, 1, rate, betas, decay=config.decay),
        ]  # fmt: skip

    def judge(self, x: Tensor) -> Tensor:
        """Return the critic's output for samples (batch, *data shape), pictures in [0, 1]: (batch,), high for real."""
        out: Tensor = self.critic(2 * x - 1 if self.is_pictures else x)
        return out.float()

    def _make(self, noise: Noise, n: int) -> Tensor:
        return self.decode(self.prior(n, noise.stream("z")))

    def _critic_loss(self, batch: Batch) -> Losses:
        config: GANConfig = self.config
        with torch.no_grad():
            made = self._make(batch.noise, len(batch.x))
        penalty: Tensor | None = None
        due = batch.training and config.penalty_weight > 0 and batch.turn % config.penalty_every == 0
        if due and config.loss != "wgan-gp":
            real, penalty = zero_centred(self.judge, batch.x)
        else:
            real = self.judge(batch.x)
        if due and config.loss == "relativistic":
            fake, on_fakes = zero_centred(self.judge, made)
            penalty = on_fakes if penalty is None else penalty + on_fakes
        else:
            fake = self.judge(made)
        if due and config.loss == "wgan-gp":
            share = batch.noise.stream("mixture").uniform(len(batch.x), (1,))[:, 0].to(made.device)
            penalty = one_centred(self.judge, batch.x, made, share)
        loss = critic_loss(config.loss, real, fake)
        told = {"distance": (real.mean() - fake.mean()).detach()}
        if config.loss in ("bce", "hinge"):
            told |= {"real_accuracy": (real > 0).float().mean(), "fake_accuracy": (fake < 0).float().mean()}
        if penalty is not None:
            loss = loss + config.penalty_weight * config.penalty_every * penalty
            told["penalty"] = penalty.detach()
        return {"loss": loss, **told}

    def _generator_loss(self, batch: Batch) -> Losses:
        fake = self.judge(self._make(batch.noise, len(batch.x)))
        real = None
        if self.config.loss == "relativistic":
            with torch.no_grad():
                real = self.judge(batch.x)
        return {"loss": generator_loss(self.config.loss, real, fake)}

    @torch.no_grad()
    def _clip(self) -> None:
        """Hold the critic's weights within ± clip (Arjovsky et al. 2017, algorithm 1, line 7)."""
        for parameter in self.critic.parameters():
            parameter.clamp_(-self.config.clip, self.config.clip)

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return what the generator makes of points (batch, latent): pictures in [0, 1], or vectors."""
        raw = self.generator(z).float()
        made: Tensor = raw.sigmoid() if self.is_pictures else raw
        return made
