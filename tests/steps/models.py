"""Small models and a small dataset whose truth is known: a white dot in a dark square, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gdl_core import builtin
from gdl_core.config import Settings
from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.hooks import hookimpl
from gdl_core.noise import Noise
from gdl_core.registry import Registry
from gdl_core.specs import ModelSpec
from gdl_core.steps.context import StepContext
from gdl_core.values import Column, TrainedModel

SIDE = 16
SPREAD = 0.22


class DotConfig(Settings):
    """Settings of the dot models."""

    shift: float = 0.0


def _grid() -> tuple[Tensor, Tensor]:
    line = torch.linspace(-1, 1, SIDE)
    return torch.meshgrid(line, line, indexing="ij")


class Dot(Model):
    """Knows the truth: decodes (x, y) to a dot at (x, y) / 3, and finds the dot again as the centre of mass."""

    def __init__(self, config: DotConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (2,)
        self.anchor = nn.Parameter(torch.zeros(1))

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, (2,))

    def decode(self, z: Tensor) -> Tensor:
        y, x = _grid()
        at = (z + self.config.shift) / 3
        distance = (x - at[:, 0, None, None]) ** 2 + (y - at[:, 1, None, None]) ** 2
        return torch.exp(-distance / SPREAD**2)[:, None].expand(-1, self.data_shape[0], -1, -1).contiguous()

    def encode(self, x: Tensor) -> Posterior:
        down, across = _grid()
        mass = x.mean(1)
        total = mass.sum((1, 2)).clamp_min(1e-6)
        mean = torch.stack([(mass * across).sum((1, 2)) / total, (mass * down).sum((1, 2)) / total], dim=1)
        return Posterior(mean * 3 - self.config.shift, torch.full_like(mean, -4.0))


class StyleDot(Model):
    """A dot of three styles: the first layer places it across, the second up and down, the third makes it bright."""

    def __init__(self, config: DotConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape, self.style_shape = (2,), (3, 3)
        self.dot = Dot(config, data_shape)

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, (2,))

    def style(self, z: Tensor) -> Tensor:
        return torch.stack([z[:, 0] + 0.5, z[:, 1], 0.7 + 0.3 * torch.sigmoid(z[:, 0])], dim=1)

    def style_mean(self) -> Tensor:
        return torch.tensor([0.5, 0.0, 0.85])

    def synthesise(self, w: Tensor) -> Tensor:
        return self.dot.decode(torch.stack([w[:, 0, 0], w[:, 1, 1]], dim=1)) * w[:, 2, 2, None, None, None]

    def decode(self, z: Tensor) -> Tensor:
        return self.synthesise(self.style(z)[:, None].expand(-1, 3, -1))


class Spot(Model):
    """As the dot, but without an encoder, as a generator is."""

    def __init__(self, config: DotConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (2,)
        self.dot = Dot(config, data_shape)

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, (2,))

    def decode(self, z: Tensor) -> Tensor:
        return self.dot.decode(z)


class Judge(Model):
    """Says of each picture whether its dot is on the right and whether it is low."""

    def __init__(self, config: DotConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.dot = Dot(config, data_shape)

    def classify(self, x: Tensor) -> Mapping[str, Tensor]:
        at = self.dot.encode(x).mean
        yes = torch.sigmoid(3 * at)
        right, low = yes.T
        corners = [(1 - right) * (1 - low), right * (1 - low), (1 - right) * low, right * low]
        told = {name: torch.stack([1 - yes[:, i], yes[:, i]], dim=1) for i, name in enumerate(("right", "low"))}
        return {**told, "corner": torch.stack(corners, dim=1)} if self.config.shift else told

    def features(self, x: Tensor) -> Tensor:
        return self.dot.encode(x).mean


class LineConfig(Settings):
    """Settings of the linear VAE."""

    latent: int = 2


class LineVAE(Model):
    """A linear VAE, small enough to be trained in a test."""

    def __init__(self, config: LineConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        size = int(np.prod(data_shape))
        self.encoder, self.decoder = nn.Linear(size, 2 * config.latent), nn.Linear(config.latent, size)

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x: Tensor) -> Posterior:
        mean, log_var = self.encoder(x.flatten(1)).chunk(2, dim=1)
        return Posterior(mean, log_var.clamp(-8, 4))

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z)).unflatten(1, self.data_shape)

    def _loss(self, batch: Batch) -> Losses:
        q = self.encode(batch.x)
        assert q.log_var is not None
        z = q.mean + torch.exp(0.5 * q.log_var) * batch.noise.normal(len(batch.x), self.latent_shape)
        mse = ((self.decode(z) - batch.x) ** 2).flatten(1).sum(1).mean()
        kl = 0.5 * (q.mean**2 + q.log_var.exp() - 1 - q.log_var).sum(1).mean()
        return {"loss": mse + 0.1 * kl, "mse": mse, "kl": kl}

    def players(self) -> list[Player]:
        return [Player("model", [self], self._loss, lr=3e-3)]


class dots:  # noqa: N801 — stands for a plugin's module
    """A plugin with the models above."""

    @hookimpl
    def gdl_models(self) -> Iterable[ModelSpec]:
        here, dot = f"{__name__}:", ("samples", "encodes", "decodes")
        yield ModelSpec("dot", "Knows.", target=here + "Dot", config=here + "DotConfig", roles=dot)
        made = ("samples", "decodes")
        yield ModelSpec("spot", "Makes.", target=here + "Spot", config=here + "DotConfig", roles=made)
        styled = (*made, "styles")
        yield ModelSpec("style-dot", "Styles.", target=here + "StyleDot", config=here + "DotConfig", roles=styled)
        yield ModelSpec("judge", "Judges.", target=here + "Judge", config=here + "DotConfig", roles=("classifies",))
        yield ModelSpec(
            "line-vae", "Learns.", target=here + "LineVAE", config=here + "LineConfig", roles=("trains", *dot)
        )


def registry() -> Registry:
    return Registry.from_plugins({"core": builtin, "dots": dots()})


def context(folder: Path, name: str = "step", seed: int = 7) -> StepContext:
    return StepContext(name, Noise(seed).stream(name), folder / name, folder, registry(), device="cpu")


def trained(model_class: type[Model] = Dot, channels: int = 1, name: str = "dots/dot", **config: Any) -> TrainedModel:
    settings = LineConfig(**config) if model_class is LineVAE else DotConfig(**config)
    model = model_class(settings, (channels, SIDE, SIDE)).eval()
    return TrainedModel(
        model, name, "1", settings.model_dump(), model.data_shape, tile=16, fingerprint=f"{name}{config}",
        data={"name": "dots", "columns": {"right": ["no", "yes"], "low": ["no", "yes"], "corner": list("abcd")}},
    )  # fmt: skip


def dataset(n: int = 240, channels: int = 1) -> Dataset:
    rng = np.random.default_rng(3)
    at = np.clip(rng.normal(size=(n, 2)) * 0.8, -2, 2).astype(np.float32)
    x = trained(Dot, channels).model.decode(torch.from_numpy(at))
    pixels = (x * 255).round().to(torch.uint8).numpy()
    sides = {name: Column((at[:, i] > 0).astype(np.int64), ("no", "yes")) for i, name in enumerate(("right", "low"))}
    corner = Column((at[:, 0] > 0).astype(np.int64) + 2 * (at[:, 1] > 0), ("a", "b", "c", "d"))
    columns = {**sides, "corner": corner, "x": Column(at[:, 0].copy())}
    return Dataset("dots", pixels, columns, np.arange(0, n, 4), "abc")
