"""`musegan`: a generator of several voices that go together, and a critic that hears them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.kernels import uniform
from gdl_core.networks.penalties import one_centred
from gdl_core.noise import Noise
from gdl_music.config import MuseGANConfig
from gdl_music.grid import Grid, grid_of, need_voices, read_grid

_HALVINGS = 3


class MuseGAN(Model):
    """WGAN-GP over voices (Dong et al. 2018, the hybrid model; Gulrajani et al. 2017).

    Each voice has a generator of its own, which is told numbers that all share and numbers of its own: the shared ones
    say what is played together, the private ones how. A sample is, for each voice and step, a distribution over codes;
    the critic sees distributions, of real music sure ones, and what is taken in the end is the likeliest code.
    """

    def __init__(self, config: MuseGANConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.form: Grid = read_grid(config.grid)
        self.voices, self.steps = data_shape
        need_voices(self.form, self.voices)
        self.size = self.form.size
        if self.steps % (1 << _HALVINGS):
            raise DataError(f"samples of {self.steps} steps cannot be halved {_HALVINGS} times; take whole bars")
        self.latent_shape = (config.shared + self.voices * config.private,)
        self.generators = nn.ModuleList(
            _Generator(config.shared + config.private, config.width, self.steps, self.size) for _ in range(self.voices)
        )
        self.critic = _critic(self.voices * self.size, config.width, self.steps)

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the notes are."""
        return config.model_copy(update={"grid": grid_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """The critic, with `n_critic` turns a round, and the generator."""
        config = self.config
        how: dict[str, Any] = {"lr": config.lr, "betas": (0.5, 0.9), "decay": config.decay}
        return [
            Player("critic", [self.critic], self._critic_loss, turns=config.n_critic, **how),
            Player("generator", [self.generators], self._generator_loss, **how),
        ]

    def judge(self, shares: Tensor) -> Tensor:
        """Return what the critic says of distributions (batch, voices, steps, size), (batch,); higher is more real."""
        out: Tensor = self.critic(shares.transpose(2, 3).flatten(1, 2))
        return out[:, 0]

    def play(self, z: Tensor) -> Tensor:
        """Return the distributions over codes of latent points, (batch, voices, steps, size)."""
        config, voices = self.config, []
        shared, private = z[:, : config.shared], z[:, config.shared :]
        for number, generator in enumerate(self.generators):
            own = private[:, number * config.private : (number + 1) * config.private]
            voices.append(cast("Tensor", generator(torch.cat((shared, own), dim=1))).float().softmax(2))
        return torch.stack(voices, dim=1)

    def _critic_loss(self, batch: Batch) -> Losses:
        real = F.one_hot(batch.x.long(), self.size).float()
        with torch.no_grad():
            made = self.play(self.prior(len(real), batch.noise.stream("z")))
        distance = self.judge(real).mean() - self.judge(made).mean()
        share = uniform((len(real), 1), key=batch.noise.stream("mixture").key(1), device=real.device)[:, 0]
        penalty = one_centred(self.judge, real, made, share)
        loss = self.config.penalty_weight * penalty - distance
        return {"loss": loss, "distance": distance.detach(), "penalty": penalty.detach()}

    def _generator_loss(self, batch: Batch) -> Losses:
        return {"loss": -self.judge(self.play(self.prior(len(batch.x), batch.noise.stream("z")))).mean()}

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, shared + voices · private)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def decode(self, z: Tensor) -> Tensor:
        """Return the tunes (batch, voices, steps) of the likeliest codes."""
        return self.play(z).argmax(3).float()


class _Generator(nn.Module):
    """From numbers to the logits of one voice, (batch, steps, size)."""

    def __init__(self, numbers: int, width: int, steps: int, size: int) -> None:
        super().__init__()
        self.begin = nn.Linear(numbers, width * 4 * (steps >> _HALVINGS))
        self.width = width * 4
        layers: list[nn.Module] = []
        wide = width * 4
        for _ in range(_HALVINGS):
            layers += [
                nn.ConvTranspose1d(wide, max(width, wide // 2), 4, 2, 1),
                _Norm(max(width, wide // 2)),
                nn.ReLU(),
            ]
            wide = max(width, wide // 2)
        self.layers = nn.Sequential(*layers, nn.Conv1d(wide, size, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        """Return logits."""
        out: Tensor = self.layers(self.begin(z).relu().reshape(len(z), self.width, -1))
        return out.transpose(1, 2)


class _Norm(nn.Module):
    """Normalises the channels of each step, so that a sample does not depend on its batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return numbers (batch, channels, steps)."""
        return cast("Tensor", self.norm(x.transpose(1, 2))).transpose(1, 2)


def _critic(channels: int, width: int, steps: int) -> nn.Sequential:
    """Return a network from distributions (batch, channels, steps) to one number each."""
    layers: list[nn.Module] = [nn.Conv1d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
    wide = width
    for _ in range(_HALVINGS):
        layers += [nn.Conv1d(wide, min(4 * width, wide * 2), 4, 2, 1), nn.LeakyReLU(0.2)]
        wide = min(4 * width, wide * 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * (steps >> _HALVINGS), 1))
