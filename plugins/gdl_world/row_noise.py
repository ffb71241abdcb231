"""Rows as networks know them: frames as V takes them, and noise that is a function of a row's seed and time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.contracts import Posterior
from gdl_core.kernels import reparameterize


def row_keys(seeds: Tensor, counter: int | Tensor) -> Tensor:
    """Return a key of noise for each row, int64 (rows, 2): its seed, and the counter that its numbers begin at."""
    counters = counter if isinstance(counter, Tensor) else torch.full_like(seeds, counter)
    return torch.stack((seeds, counters), dim=1)


def to_input(frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return frames (rows, height, width, channels) as V takes them: float32 in [0, 1], channels first."""
    return torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).to(torch.float32).div_(255.0)


def points(posterior: Posterior, seeds: Tensor, time: int | Tensor) -> Tensor:
    """Return points of V's posteriors, (rows, latent), each drawn by the seed and the time of its row."""
    assert posterior.log_var is not None
    words = -(-posterior.mean.shape[1] // 4)  # a counter gives four numbers
    z: Tensor = reparameterize(posterior.mean, posterior.log_var, key=row_keys(seeds, time * words))
    return z
