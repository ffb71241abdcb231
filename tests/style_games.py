"""A small style-based GAN and pictures for it, for the tests of what it is made of and of its game."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_gan.stylegan import StyleGAN
from gdl_gan.stylegan_config import StyleGANConfig

SMALL = {"latent": 6, "style": 5, "mapping": 2, "width": 4, "most": 8}


def pictures(n: int = 40, size: int = 16) -> Dataset:
    data = np.random.default_rng(0).integers(0, 255, (n, 1, size, size), dtype=np.uint8)
    return Dataset("noise", data, {}, np.arange(n - 8, n), "0")


def stylegan(data_shape: tuple[int, ...] = (1, 16, 16), **settings: Any) -> StyleGAN:
    return build_model(StyleGAN, StyleGANConfig.model_validate({**SMALL, **settings}), data_shape, Noise(0))


def noisy(model: StyleGAN) -> StyleGAN:
    """Give every layer noise to add and every bias something to be; they begin as zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("strength", "strengths", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model
