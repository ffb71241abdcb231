"""Toy models and data for the tests of the training loop, which must not know any plugin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gdl_core.config import Settings
from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import Trained, train
from gdl_core.values import Column


class ToyConfig(Settings):
    """Settings of the toys."""

    lr: float = 1e-2
    latent: int = 2


class Toy(Model):
    """An encoder and a decoder with all that makes resuming hard: dropout, running statistics and noise."""

    def __init__(self, config: ToyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        size = int(np.prod(data_shape))
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(size, 16),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(16, config.latent),
        )
        self.decoder = nn.Linear(config.latent, size)

    def players(self) -> Sequence[Player]:
        return [Player("toy", [self], self.loss, lr=self.config.lr, decay="cosine")]

    def loss(self, batch: Batch) -> Losses:
        z = self.encoder(batch.x)
        z = z + 0.1 * batch.noise.normal(len(z), self.latent_shape)
        wrong = (self.decoder(z) - batch.x.flatten(1)).square().sum(1).mean()
        return {"loss": wrong, "reconstruction": wrong, "spread": z.var()}

    def encode(self, x: Tensor) -> Posterior:
        mean = self.encoder(x)
        return Posterior(mean, torch.zeros_like(mean))


class Duel(Model):
    """Two players with running statistics, each of whose turns runs through the other's network."""

    def __init__(self, config: ToyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        size = int(np.prod(data_shape))
        self.generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, size))
        self.critic = nn.Sequential(nn.Linear(size, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        self.bystander = nn.BatchNorm1d(size)

    def players(self) -> Sequence[Player]:
        return [
            Player("critic", [self.critic], self.critic_loss, turns=2),
            Player("generator", [self.generator], self.generator_loss),
        ]

    def fakes(self, batch: Batch) -> Tensor:
        fakes: Tensor = self.bystander(self.generator(batch.noise.normal(len(batch.x), (3,))))
        return fakes

    def critic_loss(self, batch: Batch) -> Losses:
        real, fake = self.critic(batch.x.flatten(1)).mean(), self.critic(self.fakes(batch)).mean()
        return {"loss": (real - 1).square() + (fake + 1).square(), "gap": real - fake}

    def generator_loss(self, batch: Batch) -> Losses:
        return {"loss": (self.critic(self.fakes(batch)).mean() - 1).square()}


def pictures(n: int = 60, held_out: int = 12, side: int = 4, labels: Sequence[int] | None = None) -> Dataset:
    """Return small pictures of noise at many brightnesses, with a label."""
    rng = np.random.default_rng(0)
    data = (rng.random((n, 1, side, side)) * rng.integers(1, 256, (n, 1, 1, 1))).astype(np.uint8)
    codes = np.arange(n) % 3 if labels is None else np.asarray(labels)
    columns = {"label": Column(codes.astype(np.int64), ("a", "b", "c"))}
    return Dataset("toys", data, columns, np.arange(n - held_out, n), "f00d")


def make(model_class: type[Model] = Toy, seed: int = 3, side: int = 4, **config: Any) -> Model:
    """Build a toy."""
    return build_model(model_class, ToyConfig(**config), (1, side, side), Noise(seed))


def fit(model: Model, folder: Any, dataset: Dataset | None = None, **options: Any) -> Trained:
    """Train a toy; options of `train` and of the settings may be mixed."""
    names = TrainingConfig.model_fields
    config = TrainingConfig(**{"batch": 16, "duration": "4 epochs", **{k: v for k, v in options.items() if k in names}})
    rest = {name: value for name, value in options.items() if name not in names}
    return train(model, dataset or pictures(), config, folder, Noise(5), **rest)


def fingerprint(model: nn.Module) -> str:
    """Return a digest of every weight and buffer, to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
