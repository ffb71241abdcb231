"""The GAN: a game of two players, of which the core's loop keeps one still while the other moves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, InputError
from gdl_core.networks.penalties import one_centred, zero_centred
from gdl_core.noise import Noise
from gdl_core.values import Cell, Column
from gdl_gan.augment import augment
from gdl_gan.config import GANConfig, Loss
from gdl_gan.losses import critic_loss, generator_loss
from gdl_gan.networks import build_critic, build_generator


class GAN(Model):
    """A generator makes samples of N(0, I); a critic, first in each round, learns to tell them from real ones.

    The default is the non-saturating loss with R1 on every sixteenth turn of the critic (Goodfellow et al. 2014;
    Mescheder et al. 2018; Karras et al. 2020, section 3.1, for the lazy penalty). With a `condition` a latent point is
    [z, category, one-hot], and the critic judges samples together with their categories (Miyato & Koyama 2018).
    """

    def __init__(self, config: GANConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        if config.condition is not None and not config.categories:
            raise DataError(f"the categories of '{config.condition}' are not known; they are taken from the data")
        self.latent_shape = (config.inputs,)
        self.is_pictures = len(data_shape) == 3
        if config.augment and not self.is_pictures:
            shape = " × ".join(map(str, data_shape))
            raise InputError(
                f"augment: {', '.join(config.augment)} changes pictures, got samples of {shape}; leave it out"
            )
        if config.condition is not None:
            self.uses_columns = True
            self.conditions = {config.condition: tuple(name for name, _ in config.categories)}
        self.input_range = (0.0, 1.0) if self.is_pictures else None
        self.generator = build_generator(config, data_shape)
        self.critic = build_critic(config, data_shape)

    @classmethod
    def fit_config(cls, config: GANConfig, dataset: Dataset) -> GANConfig:
        """Return the settings with the categories of the condition, and their shares of the training samples.

        Raises:
            UnknownNameError: the condition is no column of the dataset.
            DataError: it is a column of numbers.
        """
        if config.condition is None:
            return config.model_copy(update={"categories": ()})
        column = dataset.column(config.condition)
        if not column.names:
            raise DataError(
                f"{dataset.name}: column '{config.condition}' holds numbers; a condition is a column of categories"
            )
        counts = np.bincount(column.values[dataset.train].astype(np.int64), minlength=len(column.names))
        shares = (counts / counts.sum()).tolist()
        return config.model_copy(update={"categories": tuple(zip(column.names, shares, strict=True))})

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

    def judge(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the critic's output for samples (batch, *data shape), pictures in [0, 1]: (batch,), high for real.

        Args:
            x: samples.
            y: their categories, one-hot (batch, categories), which a conditional critic needs.
        """
        x = 2 * x - 1 if self.is_pictures else x
        out: Tensor = self.critic(x) if y is None else self.critic(x, y)
        return out.float()

    def _wanted(self, batch: Batch) -> Tensor | None:
        """Return the categories of a batch, one-hot; made samples are given the same, so that both can be mixed."""
        if not self.conditions:
            return None
        return F.one_hot(batch.columns[self.config.condition], len(self.config.categories)).to(batch.x.dtype)

    def _make(self, batch: Batch, y: Tensor | None) -> Tensor:
        z = batch.noise.stream("z").normal(len(batch.x), (self.config.latent,), device=self.device)
        return self.decode(z if y is None else torch.cat([z, y], 1))

    def _seen(self, x: Tensor, batch: Batch, which: str) -> Tensor:
        """Return samples as the critic sees them while it is trained or trains."""
        policy = self.config.augment if batch.training else ()
        return augment(x, policy, batch.noise.stream(which)) if policy else x

    def _critic_loss(self, batch: Batch) -> Losses:
        config: GANConfig = self.config
        y = self._wanted(batch)
        judge = partial(self.judge, y=y)
        with torch.no_grad():
            made = self._seen(self._make(batch, y), batch, "made")
        x = self._seen(batch.x, batch, "real")
        penalty: Tensor | None = None
        due = batch.training and config.penalty_weight > 0 and batch.turn % config.penalty_every == 0
        if due and config.loss != "wgan-gp":
            real, penalty = zero_centred(judge, x)
        else:
            real = judge(x)
        if due and config.loss == "relativistic":
            fake, on_fakes = zero_centred(judge, made)
            penalty = on_fakes if penalty is None else penalty + on_fakes
        else:
            fake = judge(made)
        if due and config.loss == "wgan-gp":
            share = batch.noise.stream("mixture").uniform(len(x), (1,))[:, 0].to(made.device)
            penalty = one_centred(judge, x, made, share)
        loss = critic_loss(config.loss, real, fake)
        told = {"distance": (real.mean() - fake.mean()).detach()}
        told |= _judgements(config.loss, real.detach(), fake.detach())
        if batch.training and config.penalty_weight > 0:
            told["plain_loss"] = loss.detach()
        if penalty is not None:
            loss = loss + config.penalty_weight * config.penalty_every * penalty
            told["penalty"] = penalty.detach()
        return {"loss": loss, **told}

    def _generator_loss(self, batch: Batch) -> Losses:
        y = self._wanted(batch)
        fake = self.judge(self._seen(self._make(batch, y), batch, "made"), y)
        real = None
        if self.config.loss == "relativistic":
            with torch.no_grad():
                real = self.judge(self._seen(batch.x, batch, "real"), y)
        return {"loss": generator_loss(self.config.loss, real, fake)}

    @torch.no_grad()
    def _clip(self) -> None:
        """Hold the critic's weights within ± clip (Arjovsky et al. 2017, algorithm 1, line 7)."""
        for parameter in self.critic.parameters():
            parameter.clamp_(-self.config.clip, self.config.clip)

    def prior(self, n: int, noise: Noise, **where: Cell) -> Tensor:
        """Draw n points of N(0, I), (n, *latent shape); of a conditional GAN each ends with a category, one-hot.

        Args:
            n: how many.
            noise: row i is drawn of row i; the categories of a stream of their own, by their shares of the data.
            where: the wanted category, named by the column.
        """
        config: GANConfig = self.config
        z = noise.normal(n, (config.latent,), device=self.device)
        if not self.conditions:
            return z
        if where:
            ((column, names),) = self.conditions.items()
            codes = torch.full((n,), int(Column(np.arange(0), names).code(where[column])))
        else:
            bounds = torch.tensor([share for _, share in config.categories]).cumsum(0)
            share = noise.stream("category").at(noise.start).uniform(n, (1,))[:, 0]
            codes = torch.bucketize(share * bounds[-1], bounds, right=True).clamp(max=len(bounds) - 1)
        return torch.cat([z, F.one_hot(codes, len(config.categories)).to(z)], 1)

    def scaled(self, z: Tensor, scale: float) -> Tensor:
        """Return points moved towards the middle of N(0, I) or away from it, of the same categories."""
        return torch.cat([scale * z[:, : self.config.latent], z[:, self.config.latent :]], 1)

    def decode(self, z: Tensor) -> Tensor:
        """Return what the generator makes of points (batch, *latent shape): pictures in [0, 1], or vectors."""
        raw = self.generator(z).float()
        made: Tensor = raw.sigmoid() if self.is_pictures else raw
        return made


def _judgements(loss: Loss, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return the shares of real and made samples that a critic judges rightly.

    Outputs of bce and hinge say so by their sign. Those of the other losses may all be higher or lower alike, so that
    the middle between both means is the border; and one of wgan, which is bounded in its slope alone, does well to tell
    all apart, so that its shares have names of their own, by which nobody is alarmed.
    """
    border = 0.0 if loss in ("bce", "hinge") else (real.mean() + fake.mean()) / 2
    midway = "midway_" if loss in ("wgan", "wgan-gp") else ""
    shares = (real > border).float().mean(), (fake < border).float().mean()
    return {f"{midway}real_accuracy": shares[0], f"{midway}fake_accuracy": shares[1]}
