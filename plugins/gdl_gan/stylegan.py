"""StyleGAN2: a game of two players whose generator is steered layer by layer by styles (Karras et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.kernels.reference import own_dtypes
from gdl_core.networks.penalties import path_lengths, zero_centred
from gdl_core.noise import Noise
from gdl_gan.losses import critic_loss, generator_loss
from gdl_gan.style_critic import Critic
from gdl_gan.style_dcgan import DCSynthesis
from gdl_gan.style_generator import Generator, Synthesis
from gdl_gan.stylegan_config import StyleGANConfig


class StyleGAN(Model):
    """Points of N(0, I) are mapped to styles w, and a synthesis makes pictures of a style for each of its layers.

    The non-saturating loss with lazy R1, path length regularisation and mixed styles (Karras et al. 2020; for the
    mapping, mixing and truncation Karras et al. 2019).
    """

    def __init__(self, config: StyleGANConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.input_range = (0.0, 1.0)
        synthesis = (DCSynthesis if config.network == "dcgan" else Synthesis)(config, data_shape)
        self.generator = Generator(config, synthesis)
        self.critic = Critic(config, data_shape)
        self.style_shape = (synthesis.layers, config.style)
        self.gamma = config.penalty_weight(data_shape)

    def players(self) -> Sequence[Player]:
        """The critic and then the generator, one turn each."""
        config: StyleGANConfig = self.config
        critic_rate, critic_betas = config.optimiser(config.critic_lr or config.lr, config.lazy if self.gamma else 0)
        rate, betas = config.optimiser(config.lr, config.path_every if config.path else 0)
        return [
            Player("critic", [self.critic], self._critic_loss, 1, critic_rate, critic_betas, decay=config.decay),
            Player("generator", [self.generator], self._generator_loss, 1, rate, betas, decay=config.decay),
        ]

    def judge(self, x: Tensor) -> Tensor:
        """Return the critic's output for pictures in [0, 1], (batch, *data shape): (batch,), high for real.

        A picture is judged with its group, whose standard deviation the critic is told.
        """
        out: Tensor = self.critic(2 * x - 1)
        return out

    def _styles(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the styles of a batch (batch, layers, width), some of them mixed, and the unmixed ones (batch, width).

        Mixing: layers from a random one on take the style of a second point (Karras et al. 2019, section 3.1).
        """
        n, noise = len(batch.x), batch.noise
        layers, _ = self.style_shape
        first = self.style(self.prior(n, noise.stream("z")))
        if not (batch.training and self.config.mixing):
            return _repeated(first, layers), first
        second = self.style(self.prior(n, noise.stream("second z")))
        chance, place = noise.stream("mixing").uniform(n, (2,)).to(first.device).unbind(1)
        crossover = torch.where(chance < self.config.mixing, 1 + (place * (layers - 1)).floor(), layers)
        from_first = torch.arange(layers, device=first.device) < crossover[:, None]
        return torch.where(from_first[:, :, None], first[:, None], second[:, None]), first

    def _make(self, batch: Batch, w: Tensor) -> Tensor:
        return self._synthesise(w, batch.noise.stream("layers") if batch.training else None)

    def _critic_loss(self, batch: Batch) -> Losses:
        config: StyleGANConfig = self.config
        with torch.no_grad():
            made = self._make(batch, self._styles(batch)[0])
        penalty: Tensor | None = None
        if batch.training and self.gamma > 0 and batch.turn % config.lazy == 0:
            # of the picture as the critic sees it, as in the paper, so that its weights mean the same
            with own_dtypes(batch.x):
                real, penalty = zero_centred(self.critic, 2 * batch.x - 1)
        else:
            real = self.judge(batch.x)
        fake = self.judge(made)
        loss = critic_loss("bce", real, fake)
        told = {
            "distance": (real.mean() - fake.mean()).detach(),
            "real_accuracy": (real > 0).float().mean(),
            "fake_accuracy": (fake < 0).float().mean(),
        }
        if batch.training and self.gamma > 0:
            told["plain_loss"] = loss.detach()
        if penalty is not None:
            loss = loss + self.gamma * config.lazy * penalty
            told["penalty"] = penalty.detach()
        return {"loss": loss, **told}

    def _generator_loss(self, batch: Batch) -> Losses:
        config: StyleGANConfig = self.config
        styles, first = self._styles(batch)
        loss = generator_loss("bce", None, self.judge(self._make(batch, styles)))
        if not batch.training:
            return {"loss": loss}
        self.generator.track_style(first, config.mean_decay, batch.turn)
        if not config.path or batch.turn % config.path_every:
            return {"loss": loss}
        lengths = self._path_lengths(batch)
        self.generator.track_path(lengths, config.path_decay, batch.turn // config.path_every)
        penalty = (lengths - self.generator.path_mean.clone()).square().mean()
        loss = loss + config.path * config.path_every * penalty
        return {"loss": loss, "path_length": lengths.mean().detach(), "path_penalty": penalty.detach()}

    def _path_lengths(self, batch: Batch) -> Tensor:
        """Return the path lengths of some new samples, (rows,): of pictures in [−1, 1], as the critic sees them."""
        noise = batch.noise.stream("path")
        rows = max(1, len(batch.x) // self.config.path_shrink)
        given = noise.stream("layers")
        with own_dtypes(batch.x):
            w = _repeated(self.style(self.prior(rows, noise.stream("z"))), self.style_shape[0])
            directions = noise.stream("directions").normal(rows, self.data_shape, device=w.device)
            return path_lengths(lambda w: 2 * self._synthesise(w, given) - 1, w, directions)

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def style(self, z: Tensor) -> Tensor:
        """Map points (batch, latent) to the intermediate latent space W, (batch, width)."""
        w: Tensor = self.generator.mapping(z)
        return w

    def style_mean(self) -> Tensor:
        """Return the mean of W over the last training samples, (width,)."""
        mean: Tensor = self.generator.style_mean
        return mean

    def synthesise(self, w: Tensor) -> Tensor:
        """Return the pictures in [0, 1] of styles (batch, layers, width), with the layers' fixed noise."""
        return self._synthesise(w, None)

    def _synthesise(self, w: Tensor, noise: Noise | None) -> Tensor:
        # The paper's pictures have no bounds and are clipped when they are shown. Here they have the range of the data
        # in training too, so that the critic sees what is shown, and no gradient is lost to clipping.
        raw: Tensor = self.generator.synthesis(w, noise)
        return raw.sigmoid()

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures in [0, 1] of points (batch, latent)."""
        return self.synthesise(_repeated(self.style(z), self.style_shape[0]))


def _repeated(w: Tensor, layers: int) -> Tensor:
    return w[:, None].expand(-1, layers, -1)
