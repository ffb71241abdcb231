"""Tiny models for the tests of rooms that must not know any plugin."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from gdl_core.contracts import Model, Posterior
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.tiles import measure_tile
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel


class TinyConfig(BaseModel):
    """Settings of the tiny models."""

    model_config = ConfigDict(extra="forbid")
    latent: int = Field(2, ge=1)
    width: int = 12
    dropout: float = 0.5


class TinyMlp(Model):
    """An encoder and a decoder of two layers, with dropout, so that a forgotten `eval` shows."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        size = prod(data_shape)
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(size, config.width), nn.SiLU(), nn.Dropout(config.dropout),
            nn.Linear(config.width, 2 * config.latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, config.width), nn.SiLU(), nn.Dropout(config.dropout), nn.Linear(config.width, size)
        )

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, self.latent_shape, self.device)

    def encode(self, x: Tensor) -> Posterior:
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return Posterior(mean, log_var)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).sigmoid().reshape(-1, *self.data_shape)


class TinyConv(Model):
    """Convolutions with batch norm; a point posterior."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        channels, height, width = data_shape
        self.latent_shape = (config.latent,)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, config.width, 3, 2, 1), nn.BatchNorm2d(config.width), nn.SiLU(), nn.Flatten(),
            nn.Linear(config.width * ((height + 1) // 2) * ((width + 1) // 2), config.latent),
        )  # fmt: skip
        self.first = nn.Linear(config.latent, config.width * height * width // 4)
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (config.width, height // 2, width // 2)), nn.BatchNorm2d(config.width), nn.SiLU(),
            nn.ConvTranspose2d(config.width, channels, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, self.latent_shape, self.device)

    def encode(self, x: Tensor) -> Posterior:
        return Posterior(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(self.first(z))


class TinyStyle(Model):
    """A generator of four layers, each of which a style steers in a way of its own."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape, self.style_shape = (config.latent,), (4, config.width)
        self.mapping = nn.Sequential(nn.Linear(config.latent, config.width), nn.SiLU(), nn.Dropout(config.dropout))
        self.layers = nn.ModuleList(nn.Linear(config.width, prod(data_shape)) for _ in range(4))
        self.register_buffer("average", torch.zeros(config.width))

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, self.latent_shape, self.device)

    def style(self, z: Tensor) -> Tensor:
        return self.mapping(z)

    def style_mean(self) -> Tensor:
        return self.average

    def synthesise(self, w: Tensor) -> Tensor:
        x = sum(layer(w[:, index]) for index, layer in enumerate(self.layers))
        return x.sigmoid().reshape(-1, *self.data_shape)

    def decode(self, z: Tensor) -> Tensor:
        return self.synthesise(self.style(z)[:, None].expand(-1, 4, -1))


class TinyProbe(Model):
    """Classifies two columns, and does nothing else."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.layer = nn.Linear(prod(data_shape), 5)

    def classify(self, x: Tensor) -> Mapping[str, Tensor]:
        scores = self.layer(x.flatten(1))
        return {"smile": scores[:, :2].softmax(1), "label": scores[:, 2:].softmax(1)}

    def features(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1))


def make(
    kind: type[Model] = TinyMlp, data_shape: tuple[int, ...] = (1, 8, 8), seed: int = 0, **settings: Any
) -> TrainedModel:
    """Return a tiny model with fixed random weights, as the training loop would."""
    config = TinyConfig(**settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config, data_shape)
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.dtype.is_floating_point:
                tensor.data = tensor.data + 0.3 * torch.rand_like(tensor)
    return TrainedModel(
        model=model, name=f"tiny/{kind.__name__.lower()}", version="1.0", config=config.model_dump(),
        data_shape=data_shape, tile=measure_tile(model), fingerprint=fingerprint(model, config.model_dump()),
    )  # fmt: skip
