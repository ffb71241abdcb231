"""Fitting of models that learn at once and not by gradient: no rounds, no curves, no checkpoints.

A fit that was broken off leaves nothing and starts again; it draws from the same noise, so it ends with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError, PluginError
from gdl_core.noise import Noise
from gdl_core.training.trained import Trained
from gdl_core.values import Table


def fit_at_once(
    model: Model,
    dataset: Dataset,
    noise: Noise,
    device: torch.device,
    progress: Callable[..., None],
    cancelled: Callable[[], bool],
) -> Trained:
    """Call a model's `fit` on the device that it is on, and leave it in eval mode.

    Raises:
        PluginError: the model came out with other tensors than it had, or with numbers that are not finite.
        CancelledError: `cancelled` said so when the model told of its progress; the same call starts again.
    """

    def watch(done: int, total: int) -> None:
        if cancelled():
            raise CancelledError("fitting was stopped; run it again to start again")
        progress(done, total)

    torch.default_generator.manual_seed(noise.stream("torch", 0).torch_seed())
    before = _shapes(model)
    started = time.monotonic()
    watch(0, 1)
    model.fit(dataset, noise.stream("fit"), watch)
    progress(1, 1)
    seconds = time.monotonic() - started
    _check(model, before)
    model.eval()
    return Trained(
        history=Table((), (), title="training"),
        steps=1,
        epochs=1.0,
        samples=len(dataset.train),
        seconds=seconds,
        precision="fp32",
        precision_reason="fitted at once",
        device=str(device),
        at_once=True,
    )


def _shapes(model: Model) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in model.state_dict().items()}


def _check(model: Model, before: dict[str, tuple[tuple[int, ...], torch.dtype]]) -> None:
    after, kind = _shapes(model), type(model).__name__
    for name in (*before, *after):
        if before.get(name) != after.get(name):
            raise PluginError(
                f"{kind}.fit() changed the shape or type of '{name}', so that a saved model could not be read again; "
                "copy into the buffers that the constructor made"
            )
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise PluginError(f"{kind}.fit() left a number that is not finite in '{name}'; mend the plugin")
