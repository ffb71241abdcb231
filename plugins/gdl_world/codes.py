"""The numbers that a vision puts frames into, encoded once and kept in the step's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gdl_core.data.dataset import fingerprint
from gdl_core.data.episodes import Episodes
from gdl_core.latent.tiles import encode_rows
from gdl_core.media.atomic import replacing
from gdl_core.training.build import choose_device
from gdl_core.values import TrainedModel

Codes = tuple[NDArray[np.float32], NDArray[np.float32]]


def encoded(
    trained: TrainedModel,
    episodes: Episodes,
    folder: Path,
    device: str,
    progress: Callable[..., None],
    stop: Callable[[], None],
) -> Codes:
    """Return posterior means and log-variances of all frames, each (frames, latent).

    Raises:
        StorageError: they cannot be kept.
    """
    path = folder / f"codes-{fingerprint(trained.fingerprint, episodes.fingerprint)}.npy"
    if path.is_file():
        try:
            both = np.load(path, mmap_mode="r", allow_pickle=False)
            if both.shape == (2, len(episodes), *trained.model.latent_shape):
                return both[0], both[1]
        except (ValueError, OSError):
            pass  # damaged: encoded again

    def report(done: int, total: int) -> None:
        progress(done, total)
        stop()

    trained.model.to(choose_device(device))
    posterior = encode_rows(trained, episodes, np.arange(len(episodes)), progress=report)
    trained.model.cpu()
    log_var = posterior.log_var if posterior.log_var is not None else torch.full_like(posterior.mean, -30.0)
    both = np.stack([posterior.mean.numpy(), log_var.numpy()])
    with replacing(path) as temporary:
        np.save(temporary, both, allow_pickle=False)
    return both[0], both[1]
