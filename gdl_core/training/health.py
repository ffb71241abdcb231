"""The ways in which a training goes wrong, found and called by their names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from gdl_core.contracts import Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, TrainingError

COLLAPSED_KL = 0.1
"""Nats a sample: below, the posterior says nothing about the sample (He et al. 2019)."""

ACTIVE_VARIANCE = 0.01
"""A latent unit is active where the variance of its posterior mean over samples is above this (Burda et al. 2016)."""

ACTIVE_SHARE = 0.05
"""Share of active units below which the posterior counts as collapsed."""

_BLOCK = 4096
_DIAGNOSED = 512  # samples that are encoded to count active units


def check_data(dataset: Dataset, model: Model) -> None:
    """Look at every sample before the first step.

    Raises:
        DataError: no training samples, a shape that is not the model's, a number that is not finite, or values outside
            the range that the model (or a picture) must keep to.
    """
    if len(dataset.train) == 0:
        raise DataError(f"{dataset.name} has no training samples; lower the held-out share or add data")
    if tuple(dataset.shape) != model.data_shape:
        raise DataError(
            f"{dataset.name} has samples of shape {tuple(dataset.shape)}, the model was built for {model.data_shape}"
        )
    low, high = np.inf, -np.inf
    if dataset.data.dtype == np.uint8:
        low, high = 0.0, 1.0  # by construction: the dataset divides by 255
    else:
        for start in range(0, len(dataset), _BLOCK):
            block = dataset.data[start : start + _BLOCK]
            finite = np.isfinite(block)
            if not finite.all():
                row = start + int(np.argmin(finite.reshape(len(block), -1).all(axis=1)))
                raise DataError(f"{dataset.name}: sample {row} has a value that is not finite; remove or mend it")
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    wanted = model.input_range or ((0.0, 1.0) if dataset.is_pictures else None)
    if wanted is not None and (low < wanted[0] or high > wanted[1]):
        raise DataError(
            f"{dataset.name}: values lie in [{low:g}, {high:g}], but {type(model).__name__} takes "
            f"[{wanted[0]:g}, {wanted[1]:g}]; {_range_advice(low, high)}"
        )


def _range_advice(low: float, high: float) -> str:
    if low >= 0 and 1 < high <= 255:
        return "they look like bytes: divide by 255"
    if -1 <= low < 0 and high <= 1:
        return "they look centred: add 1 and halve"
    return "scale them, or choose a loss for unbounded values (gaussian or mse)"


def divergence(
    step: int, player: Player, parts: Mapping[str, float], precision: str, kept: int | None
) -> TrainingError:
    """Return the error for a loss that stopped being finite."""
    shown = ", ".join(f"{name} {value:g}" for name, value in parts.items())
    saved = f"the checkpoint of step {kept} is kept" if kept is not None else "it came before the first checkpoint"
    advice = f"try a lower lr than {player.lr:g}"
    if precision == "bf16":
        advice += " or precision: fp32"
    return TrainingError(f"training diverged at step {step}: {shown}; {saved}; {advice}")


def active_units(mean: torch.Tensor) -> tuple[int, int]:
    """Return how many latent units are active and how many there are, from posterior means (n, *latent shape)."""
    variance = mean.flatten(1).double().var(0, unbiased=False)
    return int((variance > ACTIVE_VARIANCE).sum()), variance.numel()


def count_active_units(
    model: Model, dataset: Dataset, held_out: NDArray[np.int64], batch: int
) -> tuple[int, int] | None:
    """Return how many latent units are active on some samples; None of a model that encodes to no distribution."""
    rows = (held_out if len(held_out) > 1 else dataset.train)[:_DIAGNOSED]
    if "encodes" not in model.roles():
        return None
    means = []
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            posterior = model.encode(dataset.tensor(rows[start : start + batch]).to(model.device))
            if posterior.log_var is None:
                return None
            means.append(posterior.mean.float())
    return active_units(torch.cat(means)) if len(rows) > 1 else None


def posterior_collapse(kl: float | None, active: tuple[int, int] | None) -> str | None:
    """Return a sentence that names posterior collapse, or None.

    Args:
        kl: KL from the prior in nats a sample (the logged part `kl`), if the model logs it.
        active: active units and all units, if the model encodes to a distribution.
    """
    if kl is not None and kl < COLLAPSED_KL:
        seen = f"the KL is {kl:.3g} nats a sample"
    elif active is not None and active[0] < ACTIVE_SHARE * active[1]:
        seen = f"{active[0]} of {active[1]} latent units are active"
    else:
        return None
    return (
        f"posterior collapse: {seen}, so samples are encoded to almost nothing; "
        "try a lower beta, a longer warmup or some free_bits"
    )
