"""Points and short games on them, for the tests of what happens in a game."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import Trained, train
from gdl_core.values import Column
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN


def ring(n: int = 4000, modes: int = 8) -> Dataset:
    """Return points of normal distributions on a circle of radius 2, labelled by mode; every tenth is held out."""
    rng = np.random.default_rng(0)
    mode = rng.integers(0, modes, n)
    angle = 2 * np.pi * mode / modes
    x = 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.1 * rng.normal(size=(n, 2))
    columns = {"mode": Column(mode, tuple("abcdefgh"[:modes])), "angle": Column(angle.astype(np.float32))}
    return Dataset("ring", x.astype(np.float32), columns, np.arange(0, n, 10), "0")


def build(dataset: Dataset, model_class: type[GAN] = GAN, seed: int = 0, **settings: Any) -> GAN:
    """Return a small GAN for points."""
    config = GANConfig.model_validate({"network": "mlp", "latent": 2, "width": 48, **settings})
    return build_model(model_class, model_class.fit_config(config, dataset), dataset.shape, Noise(seed))


def play(
    model: GAN, dataset: Dataset, folder: Path, steps: int = 400, tell: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False, **options: Any,
) -> Trained:  # fmt: skip
    """Train a GAN for some rounds, with twenty points of the curve."""
    told = {"duration": f"{steps} steps", "every": f"{max(1, steps // 20)} steps", "batch": 128, "precision": "fp32"}
    config = TrainingConfig.model_validate({**told, "ema": 0.99, "held_out": 128, **options})
    return train(model, dataset, config, folder, Noise(1), tell=tell or (lambda note: None), cancelled=cancelled)
